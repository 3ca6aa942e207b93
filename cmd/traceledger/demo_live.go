package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"time"

	keys "traceledger/chaincode/state"
	"traceledger/chaincode/trace"
	"traceledger/fixtures"
	"traceledger/gateway/api"
	"traceledger/gateway/floor"
)

// playTime is how long the verdicts and steps of the played stream may take: seconds, but
// for machines that are slow and have more to do.
const playTime = 5 * time.Minute

// wordsEvery is how long an utterance of the played stream takes, in milliseconds: less than a
// host's, whoever tries the house out waits for the last.
const wordsEvery trace.Time = 400

// play runs the demonstration's stream. Played before, wholly or in part, it goes on
// from there: the words keep the times they were first given.
func (u *uploader) play(ctx context.Context, live fixtures.Live) error {
	ctx, cancel := context.WithTimeout(ctx, playTime)
	defer cancel()
	began, err := u.openStream(ctx, live)
	if err != nil {
		return err
	}
	batch := api.Utterances{}
	alarm := trace.Time(0)
	for i, w := range live.Words {
		from := began + trace.Time(i)*wordsEvery
		batch.Utterances = append(batch.Utterances, floor.Spoken{Number: int64(i) + 1, From: from, To: from + wordsEvery, Host: live.Host, Text: w.Text})
		if w.FalseAlarm {
			alarm = from
		}
	}
	if err := pause(ctx, time.Until(batch.Utterances[len(batch.Utterances)-1].To.UTC())); err != nil { // nobody hears what is not said yet
		return err
	}
	err = u.persist(ctx, func() error {
		_, err := u.request(ctx, who{live.Monitor, trace.RoleMonitor}, http.MethodPost, "/v1/streams/"+string(live.Stream)+"/utterances", "", batch)
		return err
	})
	if err != nil {
		return err
	}
	if err := u.acted(ctx, live, len(live.Steps)-1); err != nil {
		return err
	}
	if err := u.overturn(ctx, live, alarm); err != nil {
		return err
	}
	if err := u.acted(ctx, live, len(live.Steps)); err != nil {
		return err
	}
	return u.anchored(ctx, live)
}

// anchored waits until everything that was said is on the chain.
func (u *uploader) anchored(ctx context.Context, live fixtures.Live) error {
	for {
		records, err := u.records(ctx, live, keys.KindUtterances)
		if err != nil {
			return err
		}
		count := 0
		for _, r := range records {
			var run trace.UtteranceRun
			if err := json.Unmarshal(r.Value, &run); err != nil {
				return err
			}
			if run.Stream == live.Stream {
				count += run.Count
			}
		}
		if count >= len(live.Words) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("only %d utterances are anchored: %w", count, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// openStream publishes the rulebook and puts the stream on file, a moment before it
// begins, and gives when it begins.
func (u *uploader) openStream(ctx context.Context, live fixtures.Live) (trace.Time, error) {
	var opened trace.Stream
	key := keys.StreamKey(live.Stream)
	found, err := u.record(ctx, live, key, &opened)
	if err != nil || found {
		return opened.Planned, err
	}
	content, err := fs.ReadFile(u.files, live.Rulebook)
	if err != nil {
		return 0, err
	}
	if err := u.send(ctx, who{live.Regulator, trace.RoleRegulator}, "/v1/rulebooks", string(live.Stream)+"-rulebook", content); err != nil {
		return 0, err
	}
	merchant := who{live.Merchant, trace.RoleMerchant}
	var kept api.FileKept
	if err := u.post(ctx, u.tokens[merchant], "/v1/files", live.Commitment, http.StatusCreated, &kept); err != nil {
		return 0, err
	}
	text, err := fs.ReadFile(u.files, live.Commitment)
	if err != nil {
		return 0, err
	}
	now := trace.TimeOf(time.Now())
	opened = trace.Stream{Planned: now + 500}
	request, err := json.Marshal(&trace.OpenStreamRequest{
		Write: trace.Write{Claimed: now}, Stream: live.Stream, Room: live.Room, Merchant: live.Merchant,
		Hosts: []trace.StreamHost{{Party: live.Host}}, Products: live.Products, Planned: opened.Planned,
		Commitment: trace.Commitment{Text: trace.DigestOf(text), Signatures: []trace.Signature{
			{Party: live.Host, At: now - 60_000}, {Party: live.Merchant, At: now - 60_000},
		}},
	})
	if err != nil {
		return 0, err
	}
	return opened.Planned, u.send(ctx, merchant, "/v1/streams", string(live.Stream), request)
}

// overturn has the reviewer overturn the verdict on the words that were spoken then.
func (u *uploader) overturn(ctx context.Context, live fixtures.Live, spoken trace.Time) error {
	records, err := u.records(ctx, live, keys.FactVerdict)
	if err != nil {
		return err
	}
	for _, r := range records {
		var v trace.Verdict
		if err := json.Unmarshal(r.Value, &v); err != nil {
			return err
		}
		if v.Subject != keys.StreamSubject(live.Stream) || v.Observed != spoken {
			continue
		}
		reviews, err := u.records(ctx, live, keys.FactVerdictReview)
		if err != nil {
			return err
		}
		for _, review := range reviews {
			if bytes.Contains(review.Value, []byte(r.Key)) {
				return nil
			}
		}
		request, err := json.Marshal(&trace.ReviewVerdictRequest{
			Write: trace.Write{Claimed: trace.TimeOf(time.Now())}, Verdict: r.Key, Outcome: trace.OutcomeOverturned, Reason: live.Reason,
		})
		if err != nil {
			return err
		}
		return u.send(ctx, who{live.Reviewer, trace.RoleReviewer}, "/v1/verdict-reviews", string(live.Stream)+"-false-alarm", request)
	}
	return fmt.Errorf("no verdict on the words of %s", spoken)
}

// acted waits until so many actions were taken, and checks that they are those announced.
func (u *uploader) acted(ctx context.Context, live fixtures.Live, n int) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		records, err := u.records(ctx, live, keys.FactAction)
		if err != nil {
			return err
		}
		var kinds []trace.ActionKind
		for i := len(records) - 1; i >= 0; i-- { // oldest first
			var a trace.Action
			if err := json.Unmarshal(records[i].Value, &a); err != nil {
				return err
			}
			if a.Stream == live.Stream {
				kinds = append(kinds, a.Kind)
			}
		}
		for i, kind := range kinds {
			if i >= len(live.Steps) || kind != live.Steps[i] {
				return fmt.Errorf("actions %v, expected %v", kinds, live.Steps)
			}
		}
		if len(kinds) >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("only %v of %v happened: %w", kinds, live.Steps, ctx.Err())
		case <-tick.C:
		}
	}
}

// record reads one record, false where there is none.
func (u *uploader) record(ctx context.Context, live fixtures.Live, key trace.Key, into any) (bool, error) {
	content, status, err := u.call(ctx, u.tokens[who{live.Merchant, trace.RoleMerchant}], http.MethodGet, "/v1/records/"+string(key), nil)
	if err != nil || status == http.StatusNotFound {
		return false, err
	}
	var r api.Record
	if err := json.Unmarshal(content, &r); err != nil || status != http.StatusOK {
		return false, fmt.Errorf("GET %s: %d %s: %w", key, status, content, err)
	}
	return true, json.Unmarshal(r.Value, into)
}

// records lists the newest records of a kind.
func (u *uploader) records(ctx context.Context, live fixtures.Live, kind string) ([]api.Record, error) {
	query := url.Values{"kind": {kind}, "limit": {"200"}}
	content, err := u.request(ctx, who{live.Merchant, trace.RoleMerchant}, http.MethodGet, "/v1/records?"+query.Encode(), "", nil)
	if err != nil {
		return nil, err
	}
	var out api.RecordPage
	return out.Records, json.Unmarshal(content, &out)
}

// send writes a record. The file of a request may carry its idempotency key, which the
// interface takes from the header.
func (u *uploader) send(ctx context.Context, as who, route, key string, request []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(request, &fields); err != nil {
		return err
	}
	delete(fields, "idempotencyKey")
	return u.persist(ctx, func() error {
		_, err := u.request(ctx, as, http.MethodPost, route, key, fields)
		return err
	})
}

func (u *uploader) request(ctx context.Context, as who, method, route, key string, body any) ([]byte, error) {
	content, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, u.base+route, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+u.tokens[as])
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := u.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(response.Body); err != nil {
		return nil, err
	}
	if response.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %d %s", method, route, response.StatusCode, answer.Bytes())
	}
	return answer.Bytes(), nil
}
