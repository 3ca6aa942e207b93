package trace

// AdmitOrganisationRequest admits an organisation that joins the running consortium as
// one more of a kind: a second producers' association, another group of labs. What its
// members may write is what the kind's may; what they write is endorsed by itself.
type AdmitOrganisationRequest struct {
	Write
	MSP  string `json:"msp"`  // as the channel's configuration names it, 1 to 64 letters, digits, dots and dashes
	Kind string `json:"kind"` // one of MSPs
}

// Organisation is the record, one per organisation that joined, never edited. The
// founding organisations have none.
type Organisation struct {
	Head
	Organisation string `json:"organisation"` // its MSP id
	Kind         string `json:"kind"`
}

// EndOrganisationRequest ends a membership from a day on, once and for ever. What its
// members wrote before stays.
type EndOrganisationRequest struct {
	Write
	MSP    string `json:"msp"`
	From   Date   `json:"from"` // not before the day of the request
	Reason string `json:"reason"`
}

// OrganisationEnd is the record, at most one per organisation that joined.
type OrganisationEnd struct {
	Head
	Organisation string `json:"organisation"`
	From         Date   `json:"from"`
	Reason       string `json:"reason"`
}
