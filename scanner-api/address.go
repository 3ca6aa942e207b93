package scanner

import (
	"net/url"
	"slices"
	"strings"

	"traceledger/chaincode/rules"
	"traceledger/chaincode/trace"
	"traceledger/scanner-api/page"
)

// Codes of addresses, beside those of package trace.
const (
	// CodeDigitalLink: the path is not a GS1 Digital Link this resolver serves.
	CodeDigitalLink trace.Code = "DIGITAL_LINK"
)

// subject is what an address names.
type subject int

const (
	subjectProduct subject = iota // /01/{gtin}
	subjectLot                    // /01/{gtin}/10/{lot}
	subjectItem                   // /01/{gtin}/10/{lot}/21/{serial}
	subjectShort                  // /c/{pack}{serial}
)

// resource is what is asked for below an address.
type resource int

const (
	resourcePage  resource = iota
	resourcePNG            // …/qr.png
	resourceSVG            // …/qr.svg
	resourceProof          // …/proof
	resourceFile           // …/file/{hash}
)

// address is a parsed path.
type address struct {
	subject  subject
	resource resource
	lot      trace.LotID // GTIN alone for a product
	serial   trace.Serial
	item     int64        // number in the serial
	pack     trace.PackID // short form only
	file     trace.Digest
}

// parseDigitalLink reads the path behind "/01/", still percent-encoded, by the GS1
// Digital Link standard: qualifiers of AI 01 in the order 22, 10, 21, each at most
// once. GTIN-8, -12 and -13 are padded. A consumer product variant (22) is accepted
// and not looked at.
func parseDigitalLink(escaped string) (address, error) {
	parts := strings.Split(strings.TrimSuffix(escaped, "/"), "/")
	a := address{subject: subjectProduct}
	for i, part := range parts {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return a, trace.Errorf(CodeDigitalLink, "%q is not percent-encoded text", part)
		}
		parts[i] = plain
	}
	a.lot.GTIN = trace.GTIN(padGTIN(parts[0]))
	if err := a.lot.GTIN.Validate(); err != nil {
		return a, err
	}
	rest, err := a.parseResource(parts[1:])
	if err != nil {
		return a, err
	}
	order := []string{"22", "10", "21"}
	last := -1
	for ; len(rest) > 0; rest = rest[2:] {
		at := slices.Index(order, rest[0])
		if at < 0 {
			return a, trace.Errorf(CodeDigitalLink, "%q is no qualifier of AI 01 served here; 22, 10 and 21 are", rest[0])
		}
		if at <= last {
			return a, trace.Errorf(CodeDigitalLink, "qualifier %s stands in the wrong place: the order is 01, 22, 10, 21, each once", rest[0])
		}
		last = at
		if len(rest) < 2 || rest[1] == "" {
			return a, trace.Errorf(CodeDigitalLink, "qualifier %s has no value", rest[0])
		}
		if err := a.qualify(rest[0], rest[1]); err != nil {
			return a, err
		}
	}
	return a, a.check()
}

func padGTIN(digits string) string {
	if n := len(digits); n == 8 || n == 12 || n == 13 {
		return "000000"[:14-n] + digits
	}
	return digits
}

// parseResource takes what stands behind the qualifiers off the end.
func (a *address) parseResource(parts []string) ([]string, error) {
	n := len(parts)
	if n > 0 && n%2 == 1 {
		switch parts[n-1] {
		case "qr.png":
			a.resource = resourcePNG
		case "qr.svg":
			a.resource = resourceSVG
		case "proof":
			a.resource = resourceProof
		default:
			return parts, nil // a qualifier without value: said by the caller
		}
		return parts[:n-1], nil
	}
	if n > 1 && parts[n-2] == "file" {
		digest, err := trace.ParseDigest(parts[n-1])
		if err != nil {
			return nil, err
		}
		a.resource, a.file = resourceFile, digest
		return parts[:n-2], nil
	}
	return parts, nil
}

func (a *address) qualify(key, value string) error {
	switch key {
	case "22":
		return trace.LotNumber(value).Validate() // the same character set and length
	case "10":
		a.subject, a.lot.Lot = subjectLot, trace.LotNumber(value)
		return a.lot.Lot.Validate()
	}
	if a.subject != subjectLot {
		return trace.Errorf(CodeDigitalLink, "a serial (21) is found through its lot: the address is /01/{GTIN}/10/{lot}/21/{serial}")
	}
	serial, item, err := rules.ParseSerial(value)
	if err != nil {
		return err
	}
	a.subject, a.serial, a.item = subjectItem, serial, item
	return nil
}

func (a *address) check() error {
	if a.resource == resourceProof && a.subject != subjectItem {
		return trace.Errorf(CodeDigitalLink, "a proof belongs to one item: …/21/{serial}/proof")
	}
	if a.resource == resourceFile && a.subject != subjectLot {
		return trace.Errorf(CodeDigitalLink, "files belong to a lot: …/10/{lot}/file/{hash}")
	}
	return nil
}

// parseShort reads the path behind "/c/": pack id and serial without a separator,
// as printed; hyphens are allowed anywhere for reading aloud.
func parseShort(escaped string) (address, error) {
	a := address{subject: subjectShort}
	plain, err := url.PathUnescape(strings.TrimSuffix(escaped, "/"))
	if err != nil {
		return a, trace.Errorf(CodeDigitalLink, "%q is not percent-encoded text", escaped)
	}
	switch code, name, _ := strings.Cut(plain, "/"); name {
	case "":
		plain = code
	case "qr.png":
		plain, a.resource = code, resourcePNG
	case "qr.svg":
		plain, a.resource = code, resourceSVG
	default:
		return a, trace.Errorf(CodeDigitalLink, "%q: the short form is /c/ and %d characters", plain, trace.PackDigits+trace.SerialDigits)
	}
	plain = strings.ReplaceAll(plain, "-", "")
	if len(plain) != trace.PackDigits+trace.SerialDigits {
		return a, trace.Errorf(trace.CodeInvalid, "the short code %.40q has %d characters, must be %d", plain, len(plain), trace.PackDigits+trace.SerialDigits)
	}
	if a.pack, err = rules.ParsePackID(plain[:trace.PackDigits]); err != nil {
		return a, err
	}
	a.serial, a.item, err = rules.ParseSerial(plain[trace.PackDigits:])
	return a, err
}

// lotPath is the canonical path of a lot's page; every character in it is
// unreserved, '/' or '%', so it can stand in HTML and JSON as it is.
func lotPath(id trace.LotID) string {
	return productPath(id.GTIN) + "/10/" + page.EscapePart(string(id.Lot))
}

func productPath(gtin trace.GTIN) string { return "/01/" + string(gtin) }

func itemPath(id trace.LotID, serial trace.Serial) string {
	return lotPath(id) + "/21/" + string(serial)
}

// path is the canonical path of what the address names.
func (a address) path() string {
	switch a.subject {
	case subjectProduct:
		return productPath(a.lot.GTIN)
	case subjectLot:
		return lotPath(a.lot)
	case subjectItem:
		return itemPath(a.lot, a.serial)
	}
	return "/c/" + string(a.pack) + string(a.serial)
}
