package trace

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// Utterance is one thing that was said in a stream. It never goes on the chain.
type Utterance struct {
	From Time `json:"from"`
	To   Time `json:"to"`
	// Host is who said it; empty where the transcriber does not know.
	Host PartyID `json:"host,omitempty"`
	Text string  `json:"text"`
}

// SpokenProof shows one utterance of a run without the others. It is never on the chain;
// rules.CheckSpoken checks it against what is.
type SpokenProof struct {
	Number int      `json:"number"` // within the run, from 1
	Line   string   `json:"line"`   // its line of the run's file, as it is, without the line's end
	Path   []Digest `json:"path"`   // RFC 6962 audit path under the run's root, from the leaf upwards
}

// EncodeUtterances writes a run's file: a line of JSON for each utterance, fields in
// their order, each line ended. Utterances begin in rising order of time.
func EncodeUtterances(run []Utterance) ([]byte, error) {
	if err := checkUtterances(run); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for i := range run {
		line, err := json.Marshal(&run[i])
		if err != nil {
			return nil, Errorf(CodeMalformed, "utterance %d cannot be written as JSON: %v", i+1, err)
		}
		out.Write(line)
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}

// DecodeUtterances reads a run's file. Only the very bytes that EncodeUtterances writes
// are taken, so that a run has one hash.
func DecodeUtterances(file []byte) ([]Utterance, error) {
	var run []Utterance
	for line := range bytes.Lines(file) {
		if len(run) == MaxUtterances {
			return nil, Errorf(CodeTooLarge, "a run has at most %d utterances", MaxUtterances)
		}
		var u Utterance
		if err := json.Unmarshal(line, &u); err != nil {
			return nil, Errorf(CodeMalformed, "utterance %d is not of this form: %v", len(run)+1, err)
		}
		run = append(run, u)
	}
	again, err := EncodeUtterances(run)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, file) {
		return nil, Errorf(CodeMalformed, "the utterances are not written in their one form")
	}
	return run, nil
}

func checkUtterances(run []Utterance) error {
	if len(run) == 0 || len(run) > MaxUtterances {
		return Errorf(CodeTooLarge, "a run has 1 to %d utterances, not %d", MaxUtterances, len(run))
	}
	for i, u := range run {
		if u.From == 0 || u.To < u.From || i > 0 && u.From < run[i-1].From {
			return Errorf(CodeChronology, "utterance %d: from %s to %s is out of order", i+1, u.From, u.To)
		}
		if !utf8.ValidString(u.Text) {
			return Errorf(CodeInvalid, "%s is not UTF-8", "text")
		}
		if n := utf8.RuneCountInString(u.Text); n == 0 || n > MaxUtteranceRunes {
			return Errorf(CodeTooLarge, "utterance %d has %d characters, must be 1 to %d", i+1, n, MaxUtteranceRunes)
		}
		if u.Host != "" {
			if err := u.Host.Validate(); err != nil {
				return err
			}
		}
	}
	return nil
}
