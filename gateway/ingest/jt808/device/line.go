package device

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"traceledger/gateway/ingest/jt808"
)

// errSilent is why a terminal connects again: its server does not answer.
var errSilent = errors.New("the server does not answer")

// line is the receiving side of a connection.
type line struct {
	conn    net.Conn
	patient time.Duration
	// waiting tells whether an answer is due; nil: always.
	waiting func() bool
	buf     []byte
}

func (l *line) write(b []byte) error {
	l.conn.SetWriteDeadline(time.Now().Add(l.patient))
	_, err := l.conn.Write(b)
	return err
}

// await gives the body of the next message of one kind; it lies in the line's buffer.
func (l *line) await(id jt808.MessageID) ([]byte, error) {
	for {
		frame, n, err := jt808.Next(l.buf)
		l.buf = l.buf[n:]
		if err != nil {
			return nil, fmt.Errorf("the server sends a frame that cannot be read: %w", err)
		}
		if frame != nil {
			h, body, err := jt808.ParseHeader(frame)
			if err != nil {
				return nil, err
			}
			if h.ID == id {
				return body, nil
			}
			continue
		}
		if err := l.fill(); err != nil {
			return nil, err
		}
	}
}

func (l *line) fill() error {
	if cap(l.buf)-len(l.buf) < 512 {
		l.buf = append(make([]byte, 0, max(2048, 2*len(l.buf))), l.buf...)
	}
	for {
		l.conn.SetReadDeadline(time.Now().Add(l.patient))
		n, err := l.conn.Read(l.buf[len(l.buf):cap(l.buf)])
		l.buf = l.buf[:len(l.buf)+n]
		switch {
		case n > 0:
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			if l.waiting == nil || l.waiting() {
				return errSilent
			}
		default:
			return err
		}
	}
}
