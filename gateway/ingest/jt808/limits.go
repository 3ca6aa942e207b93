package jt808

import "time"

// Limits bound what devices can take of the house. Zero fields take the default.
type Limits struct {
	Connections int `yaml:"connections"` // at once; 10,000. More are closed unheard
	PerAddress  int `yaml:"perAddress"`  // at once from one IP address; 1,000: carriers' devices share some

	AuthenticateWithin time.Duration `yaml:"authenticateWithin"` // of connecting; 30s
	FrameWithin        time.Duration `yaml:"frameWithin"`        // from the first byte of a frame, or packet of a message, to the last; 30s
	IdleAfter          time.Duration `yaml:"idleAfter"`          // without a frame; 15m
	WriteWithin        time.Duration `yaml:"writeWithin"`        // a device that does not read its answers; 30s
	HoldFor            time.Duration `yaml:"holdFor"`            // while the sink takes nothing, then close unanswered; 10m
	StopWithin         time.Duration `yaml:"stopWithin"`         // for what is under way when the server ends; 10s

	Strikes  int `yaml:"strikes"`  // bad frames, each good one takes one away; 10
	Attempts int `yaml:"attempts"` // of a connection to register, and to authenticate with a wrong code, before it authenticates; 3

	ReadBuffer   int `yaml:"readBuffer"`   // bytes of a connection whose device sends much; 32 KiB. Others take 1 KiB
	LargeBuffers int `yaml:"largeBuffers"` // of these at once, 2,048; who gets none sends through the small one
	MessageBytes int `yaml:"messageBytes"` // of a message in packets; 64 KiB

	ReadingsPerSecond int `yaml:"readingsPerSecond"` // of one device, on average; 500. A message without readings counts as one
	Burst             int `yaml:"burst"`             // it may send at once; 10,000
	InFlight          int `yaml:"inFlight"`          // readings with the sink at once; 100,000

	ClockAhead  time.Duration `yaml:"clockAhead"`  // of a terminal's clock; 5m, the ledger's own limit
	ClockBehind time.Duration `yaml:"clockBehind"` // as old as backfill may be; 720h, 30 days: older ones the segmenter cannot tell from repeats
}

func (l Limits) withDefaults() Limits {
	number := func(field *int, value int) {
		if *field <= 0 {
			*field = value
		}
	}
	duration := func(field *time.Duration, value time.Duration) {
		if *field <= 0 {
			*field = value
		}
	}
	number(&l.Connections, 10_000)
	number(&l.PerAddress, 1_000)
	duration(&l.AuthenticateWithin, 30*time.Second)
	duration(&l.FrameWithin, 30*time.Second)
	duration(&l.IdleAfter, 15*time.Minute)
	duration(&l.WriteWithin, 30*time.Second)
	duration(&l.HoldFor, 10*time.Minute)
	duration(&l.StopWithin, 10*time.Second)
	number(&l.Strikes, 10)
	number(&l.Attempts, 3)
	number(&l.ReadBuffer, 32<<10)
	l.ReadBuffer = max(l.ReadBuffer, 2*MaxEscaped)
	number(&l.LargeBuffers, 2_048)
	number(&l.MessageBytes, 64<<10)
	number(&l.ReadingsPerSecond, 500)
	number(&l.Burst, 10_000)
	number(&l.InFlight, 100_000)
	duration(&l.ClockAhead, 5*time.Minute)
	duration(&l.ClockBehind, 30*24*time.Hour)
	return l
}
