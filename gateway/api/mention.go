package api

import (
	"encoding/json"
	"strconv"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/gateway/index"
	"traceledger/gateway/ingest/sheet"
)

// resolveMention finds the record that a cell names the way people do: an inspection
// by its report number, a verdict by monitor and finding, an action by its kind, a
// review by its level. Of several the newest is meant.
func (a *API) resolveMention(m sheet.Mention) (trace.Key, error) {
	if m.Subject == (trace.Subject{}) {
		return "", trace.Errorf(trace.CodeMissing, "%q: say whose it is, or give the record's full key", m.Name)
	}
	var newest index.Record
	err := a.each(index.ListQuery{Prefix: state.FactPrefix(m.Subject)}, func(r index.Record) error {
		name, err := mentionedName(m.Kind, r)
		if err != nil {
			return err
		}
		later := r.Block > newest.Block || r.Block == newest.Block && r.Position >= newest.Position
		if name == m.Name && name != "" && later {
			newest = r
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if newest.Key == "" {
		return "", trace.Errorf(trace.CodeNotFound, "there is no %s %q of %s %s on the chain", m.Kind, m.Name, m.Subject.Kind, m.Subject.ID)
	}
	return newest.Key, nil
}

// mentionedName is what people call a record, "" for a record of another kind.
func mentionedName(kind sheet.MentionKind, r index.Record) (string, error) {
	if r.Kind != string(kind) {
		return "", nil
	}
	var named struct {
		CertificateNumber string           `json:"certificateNumber"`
		Monitor           string           `json:"monitor"`
		Finding           string           `json:"finding"`
		Kind              trace.ActionKind `json:"kind"`
		Level             json.RawMessage  `json:"level"`
	}
	if err := json.Unmarshal(r.Value, &named); err != nil {
		return "", err
	}
	switch kind {
	case sheet.MentionInspection:
		return named.CertificateNumber, nil
	case sheet.MentionVerdict:
		return named.Monitor + " " + named.Finding, nil
	case sheet.MentionAction:
		return string(named.Kind), nil
	case sheet.MentionReview:
		level, err := strconv.Atoi(string(named.Level))
		return strconv.Itoa(level), err
	}
	return "", nil
}

// anchored tells which segments of a device are on the chain, or on their way there, by
// rising sequence.
func (a *API) anchored(device trace.DeviceID) ([]sheet.AnchoredSegment, error) {
	known, err := a.Segments.Known(device)
	var out []sheet.AnchoredSegment
	for _, k := range known {
		out = append(out, sheet.AnchoredSegment{Sequence: k.Sequence, From: k.From, To: k.To, Previous: k.Previous, Payload: k.Payload})
	}
	return out, err
}

// each visits every record of a query, page by page.
func (a *API) each(q index.ListQuery, visit func(index.Record) error) error {
	for {
		records, next, err := a.Index.List(q)
		if err != nil {
			return err
		}
		for _, r := range records {
			if err := visit(r); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		q.Cursor = next
	}
}
