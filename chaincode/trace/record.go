package trace

// Write is what every request that makes a fact begins with.
type Write struct {
	// IdempotencyKey is the writer's own name for this request, 1 to 64 printable
	// ASCII characters. The same key with the same content is the same record.
	IdempotencyKey string `json:"idempotencyKey"`
	// Claimed is when, by the writer's word, the fact was so. At most ClockSkew
	// after the transaction's time.
	Claimed Time `json:"claimed"`
	// Corrects names the record that this one corrects, of the same kind and
	// subject and by the same party; the page shows both.
	Corrects Key `json:"corrects,omitempty"`
	// CorrectionReason says why; required with Corrects.
	CorrectionReason string `json:"correctionReason,omitempty"`
}

// Writer is implemented by every request that embeds Write.
type Writer interface{ Writing() *Write }

// Writing gives the common part of a request.
func (w *Write) Writing() *Write { return w }

// ClockSkew is how far a claimed time may lie after the transaction's time.
const ClockSkew Time = 5 * 60 * 1000

// Head is what every record on the chain begins with. The contract fills it; a
// writer cannot.
type Head struct {
	ID               string  `json:"id"`               // natural id or FactID, the last part of the record's Key
	MSP              string  `json:"msp"`              // organisation of the creator's certificate
	Party            PartyID `json:"party"`            // trace.party of the certificate
	Role             Role    `json:"role"`             // trace.role of the certificate
	Claimed          Time    `json:"claimed"`          // by the writer's word
	Recorded         Time    `json:"recorded"`         // the transaction's time; of an imported record the original one's
	Freeze           int     `json:"freeze,omitempty"` // freeze number of the subject when written
	Corrects         Key     `json:"corrects,omitempty"`
	CorrectionReason string  `json:"correctionReason,omitempty"`
	// Request is the SHA-256 of the request's canonical JSON (the decoded request
	// encoded again): it tells a retry from another content under the same id.
	Request Digest `json:"request"`
	// Original is set on a record that was imported from an earlier ledger.
	Original *Original `json:"original,omitempty"`
}

// Receipt is what every submitting method answers.
type Receipt struct {
	Record Key    `json:"record"`           // the record written
	ID     string `json:"id"`               // its last part
	Result string `json:"result,omitempty"` // the contract's finding where it makes one: "pass", "fail", "no-limit"
}

// Role is the certificate attribute trace.role.
type Role string

// Roles.
const (
	RoleFarm         Role = "farm"
	RoleFactory      Role = "factory"
	RoleProcessor    Role = "processor"
	RoleLab          Role = "lab"
	RoleCarrier      Role = "carrier"
	RoleMerchant     Role = "merchant"
	RoleHost         Role = "host"
	RoleRoomOperator Role = "room-operator"
	RoleHostAgency   Role = "host-agency"
	RoleConsumerDesk Role = "consumer-desk"
	// RolePlatformOperator takes the ladder's steps on hosts, and nothing else: who judges
	// (monitor) does not act, and who acts on streams cannot delist.
	RolePlatformOperator Role = "platform-operator"
	RoleMonitor          Role = "monitor"
	RoleConsumerPanel    Role = "consumer-panel"
	RoleScanner          Role = "scanner"
	RoleRegulator        Role = "regulator"
	RoleArbitrator       Role = "arbitrator"
	RoleReviewer         Role = "reviewer"
)

// Founding organisations of the consortium, by MSP id. Each is a kind of its own: an
// organisation that joins later is admitted as one of these kinds (Organisation).
const (
	ProducerMSP  = "ProducerMSP"
	LabMSP       = "LabMSP"
	CarrierMSP   = "CarrierMSP"
	PlatformMSP  = "PlatformMSP"
	RegulatorMSP = "RegulatorMSP"
)

// Certificate attributes that the contract reads.
const (
	AttributeRole  = "trace.role"
	AttributeParty = "trace.party"
)

// MSPs lists the founding organisations, which are also the kinds, in their fixed order.
func MSPs() []string {
	return []string{ProducerMSP, LabMSP, CarrierMSP, PlatformMSP, RegulatorMSP}
}

// Founding tells whether an organisation has been a member from the beginning.
func Founding(msp string) bool {
	switch msp {
	case ProducerMSP, LabMSP, CarrierMSP, PlatformMSP, RegulatorMSP:
		return true
	}
	return false
}

// MSPOf tells which kind of organisation a role belongs to, by the name of the founding
// organisation of that kind; "" for an unknown role.
func MSPOf(r Role) string {
	switch r {
	case RoleFarm, RoleFactory, RoleProcessor:
		return ProducerMSP
	case RoleLab:
		return LabMSP
	case RoleCarrier:
		return CarrierMSP
	case RoleMerchant, RoleHost, RoleRoomOperator, RoleHostAgency, RoleConsumerDesk, RolePlatformOperator,
		RoleMonitor, RoleConsumerPanel, RoleScanner:
		return PlatformMSP
	case RoleRegulator, RoleArbitrator, RoleReviewer:
		return RegulatorMSP
	}
	return ""
}
