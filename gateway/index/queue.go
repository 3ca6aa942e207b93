package index

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"traceledger/chaincode/state"
	"traceledger/chaincode/trace"
)

// queueRow is where a finding waits for its review: the gravest first, then the newest.
// False for what nobody needs to review.
func queueRow(level trace.VerdictLevel, block uint64, position int) ([]byte, bool) {
	rank := slices.Index([]trace.VerdictLevel{trace.LevelViolation, trace.LevelWarning, trace.LevelNotice}, level)
	if rank < 0 {
		return nil, false
	}
	row := append(appendRow(kindQueue, "", 1+placeBytes), byte('0'+rank))
	// A transaction gives one verdict.
	return place{block: block, position: uint32(position)}.appendLatest(row), true
}

// queue keeps the reviewers' queue as a write says.
func (f *fold) queue(w *write, at place) error {
	if row, waits := queueRow(w.links.awaits, at.block, int(at.position)); waits {
		f.waiting[w.key] = row
		return f.batch.Set(row, []byte(w.key), nil)
	}
	if w.links.reviewed == "" {
		return nil
	}
	row, waits := f.waiting[string(w.links.reviewed)]
	if !waits {
		verdict, found, err := record(f.index.db, w.links.reviewed)
		if err != nil || !found {
			return f.index.failure(err)
		}
		var v struct {
			Level trace.VerdictLevel `json:"level"`
		}
		if err := json.Unmarshal(verdict.Value, &v); err != nil {
			return errors.Join(errRow, err)
		}
		if row, waits = queueRow(v.Level, verdict.Block, verdict.Position); !waits {
			return nil
		}
	}
	return f.batch.Delete(row, nil)
}

// OpenVerdicts lists the verdicts that nobody reviewed yet, violations before warnings
// before notices, newest first, and gives the cursor of the page after it; limit as in
// ListQuery.
func (x *Index) OpenVerdicts(cursor string, limit int) (open []Typed[trace.Verdict], next string, err error) {
	if limit < 1 || limit > MaxList {
		limit = MaxList
	}
	behind, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(behind) != 0 && len(behind) != 1+placeBytes {
		return nil, "", trace.Errorf(CodeCursor, "cursor %q is not one that this list gave", cursor)
	}
	err = x.read(func(s *story) error {
		var keys []trace.Key
		var last []byte
		prefix := appendRow(kindQueue, "", 0)
		err := scanFrom(s.from, prefix, append(slices.Clone(prefix), behind...), func(key, value []byte) (bool, error) {
			if bytes.Equal(key[len(prefix):], behind) {
				return true, nil
			}
			if len(keys) == limit {
				next = base64.RawURLEncoding.EncodeToString(last)
				return false, nil
			}
			keys, last = append(keys, trace.Key(value)), slices.Clone(key[len(prefix):])
			return true, nil
		})
		if err != nil {
			return err
		}
		for _, key := range keys {
			v, err := load[trace.Verdict](s, key)
			if err != nil {
				return err
			}
			if v != nil {
				open = append(open, *v)
			}
		}
		return nil
	})
	return open, next, err
}

// scanFrom is scan that begins at a key.
func scanFrom(from pebble.Reader, prefix, start []byte, each func(key, value []byte) (more bool, err error)) error {
	rows, err := from.NewIter(&pebble.IterOptions{LowerBound: start, UpperBound: after(prefix)})
	if err != nil {
		return err
	}
	for ok := rows.First(); ok; ok = rows.Next() {
		more, err := each(rows.Key(), rows.Value())
		if err != nil {
			return errors.Join(err, rows.Close())
		}
		if !more {
			break
		}
	}
	return errors.Join(rows.Error(), rows.Close())
}

// AuditRow counts the verdicts of one rule version on merchants of one size class.
type AuditRow struct {
	Monitor    string          `json:"monitor"`
	Version    string          `json:"version"`
	Size       trace.PartySize `json:"size,omitempty"` // "" where the registry does not say, or no merchant is concerned
	Given      int             `json:"given"`
	Confirmed  int             `json:"confirmed"`
	Overturned int             `json:"overturned"`
}

// Audit counts how often verdicts were overturned, by monitor, rule version and size of
// the merchant: a monitor that errs more on the small shows here. It reads every verdict
// and review there is, about 10 µs each, for work done now and then.
func (x *Index) Audit(ctx context.Context) ([]AuditRow, error) {
	counts := map[AuditRow]*AuditRow{}
	err := x.read(func(s *story) error {
		outcomes := map[trace.Key]trace.ReviewOutcome{}
		err := eachOf(ctx, s, state.FactVerdictReview, func(_ trace.Key, r *trace.VerdictReview) error {
			outcomes[r.Verdict] = r.Outcome
			return nil
		})
		if err != nil {
			return err
		}
		sizes := map[trace.Subject]trace.PartySize{}
		return eachOf(ctx, s, state.FactVerdict, func(key trace.Key, v *trace.Verdict) error {
			size, known := sizes[v.Subject]
			if !known {
				var err error
				if size, err = s.sizeOf(v.Subject); err != nil {
					return err
				}
				sizes[v.Subject] = size
			}
			of := AuditRow{Monitor: v.Monitor, Version: v.Version, Size: size}
			row := counts[of]
			if row == nil {
				row = &AuditRow{Monitor: v.Monitor, Version: v.Version, Size: size}
				counts[of] = row
			}
			row.Given++
			switch outcomes[key] {
			case trace.OutcomeConfirmed:
				row.Confirmed++
			case trace.OutcomeOverturned:
				row.Overturned++
			}
			return nil
		})
	})
	var out []AuditRow
	for _, row := range counts {
		out = append(out, *row)
	}
	slices.SortFunc(out, func(a, b AuditRow) int {
		return strings.Compare(a.Monitor+"\x00"+a.Version+"\x00"+string(a.Size), b.Monitor+"\x00"+b.Version+"\x00"+string(b.Size))
	})
	return out, err
}

// eachOf reads every record of a kind.
func eachOf[T any](ctx context.Context, s *story, kind string, each func(trace.Key, *T) error) error {
	return scan(s.from, listRows(scopeAll, kind), func(_, key []byte) (bool, error) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		v, err := value[T](s, trace.Key(key))
		if err != nil || v == nil {
			return err == nil, err
		}
		return true, each(trace.Key(key), v)
	})
}

// sizeOf is the size class of the merchant whom a verdict on a subject concerns.
func (s *story) sizeOf(subject trace.Subject) (trace.PartySize, error) {
	merchant, err := s.merchantOf(subject)
	if err != nil || merchant == "" {
		return "", err
	}
	party, err := value[trace.Party](s, state.PartyKey(merchant))
	if err != nil || party == nil {
		return "", err
	}
	return party.Size, nil
}

func (s *story) merchantOf(subject trace.Subject) (trace.PartyID, error) {
	gtin := trace.GTIN("")
	switch subject.Kind {
	case trace.SubjectStream:
		stream, err := value[trace.Stream](s, state.StreamKey(trace.StreamID(subject.ID)))
		if err != nil || stream == nil {
			return "", err
		}
		return stream.Merchant, nil
	case trace.SubjectParty:
		return trace.PartyID(subject.ID), nil
	case trace.SubjectProduct:
		gtin = trace.GTIN(subject.ID)
	case trace.SubjectLot:
		lot, _ := state.LotOf(subject)
		gtin = lot.GTIN
	}
	if gtin == "" {
		return "", nil
	}
	product, err := value[trace.Product](s, state.ProductKey(gtin))
	if err != nil || product == nil {
		return "", err
	}
	return product.Merchant, nil
}
