package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"time"

	keys "traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/fixtures"
	"traceledger/gateway/api"
)

// claim writes down what was claimed, unless it is on file.
func (u *uploader) claim(ctx context.Context, live fixtures.Live, c fixtures.Claim) error {
	known, err := u.claimed(ctx, live, c)
	if err != nil || known != "" {
		return err
	}
	monitor := who{live.Monitor, trace.RoleMonitor}
	request := trace.ClaimRequest{GTIN: c.GTIN, Lot: c.Lot, Kind: c.Kind, Quantity: c.Quantity, Text: c.Text}
	request.Claimed = trace.TimeOf(time.Now())
	if c.Page == "" {
		request.Stream, request.Host = live.Stream, live.Host
		if request.Run, request.Utterance, err = u.utterance(ctx, live, c.Words); err != nil {
			return err
		}
	} else {
		var kept api.FileKept
		if err := u.post(ctx, u.tokens[monitor], "/v1/files", c.Page, http.StatusCreated, &kept); err != nil {
			return err
		}
		if request.Page, err = u.digest(c.Page); err != nil {
			return err
		}
		if request.Claimed, err = trace.ParseTime(c.Claimed); err != nil {
			return err
		}
	}
	content, err := json.Marshal(&request)
	if err != nil {
		return err
	}
	return u.send(ctx, monitor, "/v1/claims", fmt.Sprintf("%s-claim-%s-%s", live.Stream, c.Lot, c.Kind), content)
}

func (u *uploader) digest(file string) (trace.Digest, error) {
	content, err := fs.ReadFile(u.files, file)
	return trace.DigestOf(content), err
}

// claimed finds the record of a claim, "" where there is none.
func (u *uploader) claimed(ctx context.Context, live fixtures.Live, c fixtures.Claim) (trace.Key, error) {
	records, err := u.records(ctx, live, keys.FactClaim)
	if err != nil {
		return "", err
	}
	for _, r := range records {
		var on trace.ProductClaim
		if err := json.Unmarshal(r.Value, &on); err != nil {
			return "", err
		}
		if on.GTIN == c.GTIN && on.Lot == c.Lot && on.Kind == c.Kind && (on.Stream == live.Stream) == (c.Page == "") {
			return r.Key, nil
		}
	}
	return "", nil
}

// utterance finds the run that holds the stream's words of a number, and their number in it.
func (u *uploader) utterance(ctx context.Context, live fixtures.Live, number int) (trace.Key, int, error) {
	records, err := u.records(ctx, live, keys.KindUtterances)
	if err != nil {
		return "", 0, err
	}
	type held struct {
		key trace.Key
		run trace.UtteranceRun
	}
	var runs []held
	for _, r := range records {
		h := held{key: r.Key}
		if err := json.Unmarshal(r.Value, &h.run); err != nil {
			return "", 0, err
		}
		if h.run.Stream == live.Stream {
			runs = append(runs, h)
		}
	}
	slices.SortFunc(runs, func(a, b held) int { return int(a.run.Sequence - b.run.Sequence) })
	left := number
	for _, h := range runs {
		if left <= h.run.Count {
			return h.key, left, nil
		}
		left -= h.run.Count
	}
	return "", 0, fmt.Errorf("the words number %d are not anchored", number)
}

// judged checks that the label monitor came by itself to what demo.yaml says of each
// claim: a finding, or none.
func (u *uploader) judged(ctx context.Context, demo *fixtures.Demo) error {
	records, err := u.records(ctx, demo.Live, keys.FactVerdict)
	if err != nil {
		return err
	}
	for i, c := range demo.Claims {
		key, err := u.claimed(ctx, demo.Live, c)
		if err != nil {
			return err
		}
		var found []string
		for _, r := range records {
			var v trace.Verdict
			if err := json.Unmarshal(r.Value, &v); err != nil {
				return err
			}
			if v.Monitor == "label" && slices.Contains(v.Evidence, key) {
				found = append(found, v.Finding)
			}
		}
		if c.Found == "" && len(found) > 0 || c.Found != "" && !slices.Contains(found, c.Found) {
			return fmt.Errorf("claim %d: the label monitor found %v, expected %q", i+1, found, c.Found)
		}
	}
	return nil
}
