package index

import (
	"bufio"
	"errors"
	"io"
	"strconv"

	"github.com/cockroachdb/pebble/v2"
)

func dump(from pebble.Reader, to io.Writer) error {
	rows, err := from.NewIter(nil)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(to, 64<<10)
	var line []byte
	for ok := rows.First(); ok; ok = rows.Next() {
		line = strconv.AppendQuote(line[:0], string(rows.Key()))
		line = append(line, ' ')
		line = strconv.AppendQuote(line, string(rows.Value()))
		line = append(line, '\n')
		if _, err := out.Write(line); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Error(), rows.Close(), out.Flush())
}
