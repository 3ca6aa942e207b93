package monitor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"traceledger/chaincode/trace"
)

// cursor is how far a monitor is: the block it wants next, and the subjects of earlier
// blocks that it has to look at again. Deleting the file makes the monitor look at
// everything again, which writes nothing twice.
type cursor struct {
	Monitor string          `json:"monitor"`
	Next    uint64          `json:"next"`
	Waiting []trace.Subject `json:"waiting,omitempty"`
}

func cursorPath(dir, monitor string) string { return filepath.Join(dir, monitor+".json") }

func readCursor(dir, monitor string) (cursor, error) {
	c := cursor{Monitor: monitor}
	content, err := os.ReadFile(cursorPath(dir, monitor))
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &c)
	}
	if err != nil {
		return c, fmt.Errorf("cursor of monitor %s: %w (deleting the file makes it look at everything again, which writes nothing twice)", monitor, err)
	}
	return c, nil
}

// write replaces the file as a whole. It is not synced: a crash of the machine may put
// the cursor back, and what is looked at again is known already. The rename keeps it from
// being half written.
func (c cursor) write(dir string) error {
	content, err := json.Marshal(c)
	if err != nil {
		return err
	}
	aside := cursorPath(dir, c.Monitor) + ".new"
	if err := os.WriteFile(aside, content, 0o600); err != nil {
		return err
	}
	return os.Rename(aside, cursorPath(dir, c.Monitor))
}
