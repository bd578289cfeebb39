/** What distinguishes one series of a metric from another, as users write it. */

/** Narrows a metric to one file system, network interface, sensor, GPU or process. */
export interface Selector {
  /** `disk*`: any path on the file system. @default the working directory */
  path?: string | undefined
  /** `network.*`: the interface's name, or its alias on Windows. @default the sum of all that connect to the outside */
  interface?: string | undefined
  /** `temperature`: the type of a thermal zone, or a sensor's name. @default the hottest sensor of the CPU or its chip */
  zone?: string | undefined
  /** `gpu*`: the GPU's name in `/sys/class/drm` (`'card1'`), or its PCI address. @default all of them */
  gpu?: string | undefined
  /** `pressure.*`: that of the machine, or of this process's control group (version 2 only). @default 'machine' */
  scope?: 'machine' | 'group' | undefined
  /** `process.*`: the id of a process. @default this process */
  pid?: number | undefined
  /** `process.*`: whether the metric includes all descendants of the process. @default false */
  tree?: boolean | undefined
}
