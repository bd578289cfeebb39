export function contents(root: string): { text: string; items: { text: string; link: string }[] }[]
