// A battery, a charger and two thermal zones. Their state is in spare bytes of the clock's memory, which the guest writes.
DefinitionBlock ("power.aml", "SSDT", 2, "TRIPLN", "POWER", 1)
{
  Scope (\_SB)
  {
    OperationRegion (CMOS, SystemIO, 0x70, 2)
    Field (CMOS, ByteAcc, NoLock, Preserve) { INDX, 8, DATA, 8 }
    IndexField (INDX, DATA, ByteAcc, NoLock, Preserve)
    {
      Offset (0x60),
      HEA0, 8, // °C of the first zone
      CAPA, 8, // % of the battery
      BSTA, 8, // 0 idle, 1 discharging, 2 charging
      ACON, 8, // the charger is online
      BPRS, 8, // the battery is present
      HEA1, 8  // °C of the second zone
    }
    Device (ADP0)
    {
      Name (_HID, "ACPI0003")
      Name (_PCL, Package () { \_SB })
      Method (_PSR, 0) { Return (ACON) }
      Method (_STA, 0) { Return (0x0F) }
    }
    Device (BAT0)
    {
      Name (_HID, EisaId ("PNP0C0A"))
      Name (_UID, 1)
      Name (_PCL, Package () { \_SB })
      Method (_STA, 0) { If (LEqual (BPRS, 1)) { Return (0x1F) } Return (0x0F) }
      Method (_BIF, 0) { Return (Package () { 0, 10000, 10000, 1, 12000, 1000, 500, 10, 10, "M1", "S1", "LION", "TRIPLN" }) }
      Method (_BST, 0, Serialized)
      {
        Name (NOW, Package () { 0, 1000, 5000, 12000 })
        Store (BSTA, Index (NOW, 0))
        Store (Multiply (CAPA, 100), Index (NOW, 2))
        Return (NOW)
      }
    }
  }
  Scope (\_TZ)
  {
    ThermalZone (TZ00)
    {
      Method (_TMP, 0) { Return (Add (Multiply (\_SB.HEA0, 10), 2732)) }
      Method (_CRT, 0) { Return (4232) }
    }
    ThermalZone (TZ01)
    {
      Method (_TMP, 0) { Return (Add (Multiply (\_SB.HEA1, 10), 2732)) }
      Method (_CRT, 0) { Return (4232) }
    }
  }
}
