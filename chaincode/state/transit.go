package state

import "traceledger/chaincode/trace"

// GetShipment reads a shipment's record.
func GetShipment(l Reader, s trace.ShipmentID) (*trace.Shipment, error) {
	return Get[trace.Shipment](l, ShipmentKey(s))
}

// GetShipmentStatus reads where a shipment stands, nil when it was never dispatched.
func GetShipmentStatus(l Reader, s trace.ShipmentID) (*trace.ShipmentStatus, error) {
	return Get[trace.ShipmentStatus](l, ShipmentStatusKey(s))
}

// GetUnit reads a logistic unit's record.
func GetUnit(l Reader, s trace.SSCC) (*trace.LogisticUnit, error) {
	return Get[trace.LogisticUnit](l, UnitKey(s))
}

// GetUnitCustody reads who holds a logistic unit, nil when it was never packed.
func GetUnitCustody(l Reader, s trace.SSCC) (*trace.UnitCustody, error) {
	return Get[trace.UnitCustody](l, UnitCustodyKey(s))
}

// GetDeviceStatus reads a device's owner and bindings, nil when it was never bound.
func GetDeviceStatus(l Reader, d trace.DeviceID) (*trace.DeviceStatus, error) {
	return Get[trace.DeviceStatus](l, DeviceStatusKey(d))
}

// GetSegment reads one segment of a device.
func GetSegment(l Reader, d trace.DeviceID, sequence int64) (*trace.Segment, error) {
	return Get[trace.Segment](l, SegmentKey(d, sequence))
}

// GetConsignmentStatus reads what a consignor last said about a shipment, nil when it
// said nothing.
func GetConsignmentStatus(l Reader, s trace.ShipmentID, consignor trace.PartyID) (*trace.ConsignmentStatus, error) {
	return Get[trace.ConsignmentStatus](l, ConsignmentStatusKey(s, consignor))
}
