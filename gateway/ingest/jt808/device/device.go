// Package device is a terminal that speaks JT/T 808: for tests, measurements and trying
// a server out, thousands in one process.
//
// It keeps every position until the server acknowledged it, sends what is not
// acknowledged again after a lost connection or a silent server, and tells what was
// acknowledged: whoever claims exactly once compares that with what is on the chain.
//
// It speaks through gateway/ingest/jt808's codec, whose answers are checked byte by byte
// elsewhere, and imports nothing else of the project.
package device

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"traceledger/gateway/ingest/jt808"
)

// Config of a terminal.
type Config struct {
	Address  string // of the server, host:port
	Edition  jt808.Edition
	Phone    string // digits
	Terminal string // its id
	Model    string // as registered
	Plate    string
	Code     string // authentication code; empty: it registers first

	Batch   int           // positions to a 0x0704; 0 or 1: each its own 0x0200
	Window  int           // messages sent and not answered at once; 0: 16
	Patient time.Duration // without an answer, before it connects again; 0: 30s
	Pause   time.Duration // before it connects again; 0: 100ms
	Beat    time.Duration // between heartbeats while it has nothing to send; 0: 3m

	// Dial replaces TCP's; nil is net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Acknowledged is told each position that the server acknowledged, once, and Refused
	// each that it answered otherwise, which is not sent again. Either may be nil.
	Acknowledged func(jt808.Position)
	Refused      func(jt808.Position, jt808.Result)
}

// ErrRegistration is why a terminal gave up: it is not enrolled, or registered already.
var ErrRegistration = errors.New("the server does not register the terminal")

// Device is one terminal. Send may be called before, while and after it runs.
type Device struct {
	cfg   Config
	phone jt808.Phone

	mu       sync.Mutex
	code     string
	waiting  []jt808.Position // not sent on this connection
	sent     []message        // sent and not answered, oldest first
	serial   uint16
	connects int
	acked    int
	more     chan struct{} // positions or room in the window
	idle     chan struct{} // closed while nothing waits and all is answered
}

type message struct {
	serial    uint16
	id        jt808.MessageID
	positions []jt808.Position
}

// New makes a terminal; Run connects it.
func New(cfg Config) (*Device, error) {
	phone, err := jt808.ParsePhone(cfg.Phone)
	if err != nil {
		return nil, err
	}
	if cfg.Edition == 0 {
		cfg.Edition = jt808.Edition2019
	}
	if cfg.Window == 0 {
		cfg.Window = 16
	}
	if cfg.Patient == 0 {
		cfg.Patient = 30 * time.Second
	}
	if cfg.Pause == 0 {
		cfg.Pause = 100 * time.Millisecond
	}
	if cfg.Beat == 0 {
		cfg.Beat = 3 * time.Minute
	}
	if cfg.Dial == nil {
		cfg.Dial = new(net.Dialer).DialContext
	}
	d := &Device{cfg: cfg, phone: phone, code: cfg.Code, more: make(chan struct{}, 1), idle: make(chan struct{})}
	close(d.idle)
	return d, nil
}

// Send queues positions. Their items are the device's from now on.
func (d *Device) Send(positions ...jt808.Position) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(positions) == 0 {
		return
	}
	d.waiting = append(d.waiting, positions...)
	d.settle()
	d.wake()
}

// Unacknowledged is how many positions are not answered.
func (d *Device) Unacknowledged() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.waiting)
	for _, m := range d.sent {
		n += len(m.positions)
	}
	return n
}

// Counts are the connections made and the positions acknowledged.
func (d *Device) Counts() (connections, acknowledged int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.connects, d.acked
}

// Code is the authentication code it has, for the next run.
func (d *Device) Code() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.code
}

// Drained waits until nothing waits and all is answered, and told.
func (d *Device) Drained(ctx context.Context) error {
	d.mu.Lock()
	idle := d.idle
	d.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settle keeps the idle channel in step; the caller holds mu.
func (d *Device) settle() {
	empty := len(d.waiting)+len(d.sent) == 0
	select {
	case <-d.idle:
		if !empty {
			d.idle = make(chan struct{})
		}
	default:
		if empty {
			close(d.idle)
		}
	}
}

func (d *Device) wake() {
	select {
	case d.more <- struct{}{}:
	default:
	}
}

// Run connects, registers if it has no code, authenticates and sends, and does so again
// whenever the connection ends, until ctx does: then it returns nil. ErrRegistration
// ends it earlier.
func (d *Device) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := d.connect(ctx)
		if errors.Is(err, ErrRegistration) && ctx.Err() == nil {
			return err
		}
		timer := time.NewTimer(d.cfg.Pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// connect is one connection's life.
func (d *Device) connect(ctx context.Context) error {
	conn, err := d.cfg.Dial(ctx, "tcp", d.cfg.Address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	l := &line{conn: conn, patient: d.cfg.Patient, buf: make([]byte, 0, 2048)}
	if err := d.introduce(l); err != nil {
		return err
	}
	d.mu.Lock()
	d.connects++
	// What the last connection did not answer goes first, in its order.
	var again []jt808.Position
	for _, m := range d.sent {
		again = append(again, m.positions...)
	}
	d.waiting, d.sent = append(again, d.waiting...), nil
	d.mu.Unlock()
	d.wake()

	failed := make(chan error, 1)
	go func() {
		failed <- d.listen(l)
		conn.Close()
	}()
	err = d.talk(conn, failed)
	conn.Close()
	if err == nil {
		err = <-failed
	}
	return err
}

// introduce registers and authenticates.
func (d *Device) introduce(l *line) error {
	if d.Code() == "" {
		body := jt808.Registration{Manufacturer: "TRACE", Model: d.cfg.Model, Terminal: d.cfg.Terminal, Plate: d.cfg.Plate}.Append(nil, d.cfg.Edition)
		if err := l.write(d.frame(nil, jt808.Register, body)); err != nil {
			return err
		}
		answer, err := l.await(jt808.RegistrationAnswer)
		if err != nil {
			return err
		}
		reply, err := jt808.ParseRegistrationReply(answer)
		if err != nil {
			return err
		}
		if reply.Result != jt808.Registered {
			return fmt.Errorf("%w: result %d", ErrRegistration, reply.Result)
		}
		d.mu.Lock()
		d.code = reply.Code
		d.mu.Unlock()
	}
	body := jt808.Authentication{Code: d.Code(), IMEI: "860000000000000", Software: "simulator"}.Append(nil, d.cfg.Edition)
	if err := l.write(d.frame(nil, jt808.Authenticate, body)); err != nil {
		return err
	}
	for {
		answer, err := l.await(jt808.GeneralAnswer)
		if err != nil {
			return err
		}
		a, err := jt808.ParseAnswer(answer)
		switch {
		case err != nil:
			return err
		case a.ID != jt808.Authenticate:
			continue
		case a.Result != jt808.Success:
			return fmt.Errorf("%w: the code is not taken", ErrRegistration)
		}
		return nil
	}
}

// frame appends a message under the next serial.
func (d *Device) frame(dst []byte, id jt808.MessageID, body []byte) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.frameLocked(dst, id, body)
}

func (d *Device) frameLocked(dst []byte, id jt808.MessageID, body []byte) []byte {
	h := jt808.Header{ID: id, Edition: d.cfg.Edition, Phone: d.phone, Serial: d.serial}
	if d.cfg.Edition == jt808.Edition2019 {
		h.Version = 1
	}
	dst, packets := jt808.AppendMessage(dst, h, body)
	d.serial += uint16(packets)
	return dst
}

// talk sends what waits, within the window, until the connection fails.
func (d *Device) talk(conn net.Conn, failed chan error) error {
	var out []byte
	beat := time.NewTicker(d.cfg.Beat)
	defer beat.Stop()
	quiet := false
	for {
		out = d.next(out[:0])
		if len(out) == 0 && quiet {
			out = d.frame(out, jt808.Heartbeat, nil)
		}
		quiet = false
		if len(out) > 0 {
			conn.SetWriteDeadline(time.Now().Add(d.cfg.Patient))
			if _, err := conn.Write(out); err != nil {
				return nil // the listener knows why
			}
			continue
		}
		select {
		case <-d.more:
		case <-beat.C:
			quiet = true
		case err := <-failed:
			return err
		}
	}
}

// next takes as many messages as the window has room for.
func (d *Device) next(out []byte) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	var body []byte
	for len(d.waiting) > 0 && len(d.sent) < d.cfg.Window {
		n := min(max(d.cfg.Batch, 1), len(d.waiting))
		m := message{serial: d.serial, id: jt808.PositionReport, positions: d.waiting[:n:n]}
		if d.cfg.Batch > 1 {
			m.id = jt808.PositionBatch
			body = jt808.AppendBatch(body[:0], jt808.BatchLive, m.positions)
		} else {
			body = m.positions[0].Append(body[:0])
		}
		out = d.frameLocked(out, m.id, body)
		d.waiting = d.waiting[n:]
		d.sent = append(d.sent, m)
	}
	return out
}

// listen takes the answers.
func (d *Device) listen(l *line) error {
	l.waiting = func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.sent) > 0
	}
	for {
		body, err := l.await(jt808.GeneralAnswer)
		if err != nil {
			return err
		}
		a, err := jt808.ParseAnswer(body)
		if err != nil {
			return err
		}
		d.answered(a)
	}
}

func (d *Device) answered(a jt808.Answer) {
	d.mu.Lock()
	var m message
	for i := range d.sent {
		if d.sent[i].serial == a.Serial && d.sent[i].id == a.ID {
			m = d.sent[i]
			d.sent = append(d.sent[:i], d.sent[i+1:]...)
			break
		}
	}
	if a.Result == jt808.Success {
		d.acked += len(m.positions)
	}
	d.mu.Unlock()
	for _, p := range m.positions {
		switch {
		case a.Result == jt808.Success && d.cfg.Acknowledged != nil:
			d.cfg.Acknowledged(p)
		case a.Result != jt808.Success && d.cfg.Refused != nil:
			d.cfg.Refused(p, a.Result)
		}
	}
	// Only now: who waits for Drained has been told of everything.
	d.mu.Lock()
	d.settle()
	d.mu.Unlock()
	d.wake()
}
