package trace

// ConsignRequest is the holder's word that a carrier may take its goods (托运委托):
// written by the consignor before the carrier dispatches or takes over. A later one for
// the same shipment takes its place until the goods have left.
type ConsignRequest struct {
	Write
	// Shipment is the number the carrier dispatches under – chosen by the consignor,
	// like a GS1 GSIN – or an open shipment that its carrier passes on.
	Shipment ShipmentID `json:"shipment"`
	Carrier  PartyID    `json:"carrier"`
	// Consignee is who the goods go to; absent for an open shipment, which has one.
	Consignee PartyID `json:"consignee,omitempty"`
	// Lots and Loads are what may be taken; absent for an open shipment, which passes
	// on whole. A lot stands for every item of it that the consignor holds.
	Lots  []LotID `json:"lots,omitempty"`  // at most 50
	Loads []Load  `json:"loads,omitempty"` // at most 50
}

// Consignment is the record; its subject is the shipment.
type Consignment struct {
	Head
	Shipment  ShipmentID `json:"shipment"`
	Carrier   PartyID    `json:"carrier"`
	Consignee PartyID    `json:"consignee,omitempty"`
	Lots      []LotID    `json:"lots,omitempty"`
	Loads     []Load     `json:"loads,omitempty"`
}

// ConsignmentStatus is the balance key of what one consignor last said about one
// shipment.
type ConsignmentStatus struct {
	Record    Key     `json:"record"`
	Carrier   PartyID `json:"carrier"`
	Consignee PartyID `json:"consignee,omitempty"`
	Lots      []LotID `json:"lots,omitempty"`
	Loads     []Load  `json:"loads,omitempty"`
	Used      bool    `json:"used,omitempty"` // the carrier came and took the goods
}
