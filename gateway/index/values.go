package index

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// Values visits what stands on the chain as the read model has it: every record, every
// earlier value of a state, and what was not admitted. It reads everything, for work
// done once a day; value is valid only during the call.
func (x *Index) Values(ctx context.Context, visit func(value []byte) error) error {
	snapshot := x.db.NewSnapshot()
	err := errors.Join(
		values(ctx, snapshot, kindRecord, visit),
		values(ctx, snapshot, kindHistory, visit),
		values(ctx, snapshot, kindReject, func(row []byte) error {
			var aside Rejected
			if err := json.Unmarshal(row, &aside); err != nil {
				return errors.Join(errRow, err)
			}
			return visit(aside.Value)
		}))
	return joinClose(x, err, snapshot)
}

func values(ctx context.Context, from pebble.Reader, kind byte, visit func(row []byte) error) error {
	return scan(from, appendRow(kind, "", 0), func(_, row []byte) (bool, error) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		return true, visit(row)
	})
}
