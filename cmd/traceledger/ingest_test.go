package main

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/ingest/mqtt"
)

// TestSensorsThroughKillsAndOutage publishes from sensors, kills the gateway and then the
// ledger under them, and demands in the end that the chain holds every reading whose
// message was acknowledged, each exactly once. The gateway and the ledger are processes
// of their own.
func TestSensorsThroughKillsAndOutage(t *testing.T) {
	l, g, address := newHouse(t), newHouse(t), freeAddress(t)
	for role, party := range map[trace.Role]string{trace.RoleScanner: readerParty, trace.RoleRegulator: "the-regulator", trace.RoleFactory: "the-factory"} {
		l.command("enrol", "-role", string(role), "-party", party, "-to", filepath.Join(g.data, "wallet"))
	}
	l.command("enrol", "-role", string(trace.RoleRegulator), "-party", operatorParty, "-to", filepath.Join(g.data, "wallet"))
	startLedger := func() { l.start("ledger", "-ledger-addr", address) }
	startLedger()
	broker := freeAddress(t)
	config := g.configure(Config{Connection: filepath.Join(l.data, connectionName), Ingest: Ingest{MQTT: broker, SegmentReadings: 50, SegmentAge: time.Second}})
	for role, party := range map[trace.Role]string{trace.RoleRegulator: "the-regulator", trace.RoleFactory: "the-factory"} {
		g.tokens[role] = strings.TrimSpace(g.command("token", "-config", config, "-make", string(role), "-role", string(role), "-party", party))
	}
	g.start("gateway", "-config", config)
	g.furnish()

	sensors := make([]*sensor, 4)
	from := trace.TimeOf(time.Now()) - 3_600_000
	for i := range sensors {
		s := &sensor{t: t, id: trace.DeviceID(fmt.Sprintf("cold-store-%02d", i)), broker: "tcp://" + broker, next: from + 1000, acknowledged: map[trace.Time]bool{}}
		var enrolled api.EnrolledDevice
		require.Equal(t, http.StatusCreated, g.send(trace.RoleFactory, "/v1/devices", "", map[string]any{"device": s.id, "protocol": "mqtt"}, &enrolled))
		s.secret = enrolled.Secret
		g.must(trace.RoleFactory, "/device-bindings", string(s.id), map[string]any{"claimed": from + 1000, "device": s.id, "store": "cold-1", "probes": []string{"air"}, "from": from})
		sensors[i] = s
	}
	stop := make(chan struct{})
	var sending sync.WaitGroup
	for _, s := range sensors {
		sending.Go(func() { s.send(stop) })
	}
	more := func(n int) {
		before := 0
		for _, s := range sensors {
			before += s.count()
		}
		require.Eventually(t, func() bool {
			now := 0
			for _, s := range sensors {
				now += s.count()
			}
			return now >= before+n
		}, 4*time.Minute, 20*time.Millisecond, "no more is acknowledged")
	}
	more(300)
	g.kill()
	g.start("gateway", "-config", config)
	more(300)
	l.kill()
	more(300) // heard while the ledger is away…
	g.kill()
	startLedger()
	g.start("gateway", "-config", config) // …and kept through a kill
	more(300)
	close(stop)
	sending.Wait()

	g.awaitAnchored()
	for _, s := range sensors {
		require.Eventually(t, func() bool {
			held := g.readingsOf(s.id)
			for at := range s.acknowledged {
				if held[at] == 0 {
					return false
				}
			}
			return true
		}, 2*time.Minute, 200*time.Millisecond, "an acknowledged reading of %s is not on the chain", s.id)
		for at, n := range g.readingsOf(s.id) {
			require.Equal(t, 1, n, "the reading of %s at %s", s.id, at)
			require.Less(t, at, s.next+perMessage*1000, "nobody sent it") // the last message may have no answer
		}
	}
	var parked api.ParkedSegments
	require.Equal(t, http.StatusOK, g.get(trace.RoleFactory, "/v1/parked-segments", &parked))
	require.Empty(t, parked.Segments)
	g.stop()
	l.stop()
}

// sensor publishes its readings one after the other, each until it is acknowledged.
type sensor struct {
	t            *testing.T
	id           trace.DeviceID
	secret       string
	broker       string
	next         trace.Time
	mu           sync.Mutex
	acknowledged map[trace.Time]bool
}

func (s *sensor) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.acknowledged)
}

// send goes on through lost connections: what was not acknowledged is sent again.
func (s *sensor) send(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		options := paho.NewClientOptions().AddBroker(s.broker).SetClientID(string(s.id)).SetUsername(string(s.id)).SetPassword(s.secret).
			SetAutoReconnect(false).SetConnectTimeout(20 * time.Second)
		client := paho.NewClient(options)
		if token := client.Connect(); !token.WaitTimeout(30*time.Second) || token.Error() != nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		for s.publish(client) {
			select {
			case <-stop:
				client.Disconnect(0)
				return
			default:
			}
		}
		client.Disconnect(0)
	}
}

// perMessage is how many readings a sensor sends at once, a second apart.
const perMessage = 5

// publish sends as many readings as a message has and says whether they were acknowledged.
func (s *sensor) publish(client paho.Client) bool {
	var readings []string
	var times []trace.Time
	for i := range perMessage {
		at := s.next + trace.Time(i)*1000
		times = append(times, at)
		readings = append(readings, fmt.Sprintf(`{"at":"%s","temperatures":{"air":%d.25},"humidity":81.5,"soilMoisture":24.75,"illuminance":%d}`, at, int(at/1000)%9, int(at/1000)%100_000))
	}
	token := client.Publish(mqtt.Topic(s.id), 1, false, `{"readings":[`+strings.Join(readings, ",")+`]}`)
	for !token.WaitTimeout(50 * time.Millisecond) {
		if !client.IsConnected() {
			return false
		}
	}
	if token.Error() != nil || !client.IsConnected() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range times {
		s.acknowledged[at] = true
	}
	s.next = times[perMessage-1] + 1000
	return true
}

// readingsOf counts, by time, a device's readings in the payloads that the chain names.
func (h *house) readingsOf(device trace.DeviceID) map[trace.Time]int {
	h.t.Helper()
	out := map[trace.Time]int{}
	for cursor := ""; ; {
		var page struct {
			Records []struct {
				Value trace.Segment `json:"value"`
			} `json:"records"`
			Next string `json:"next"`
		}
		require.Equal(h.t, http.StatusOK, h.get(trace.RoleFactory, "/v1/records?kind=seg&limit=200&cursor="+cursor, &page))
		for _, r := range page.Records {
			if r.Value.Device != device {
				continue
			}
			_, readings, err := trace.DecodeReadings(h.file(trace.RoleFactory, r.Value.Payload))
			require.NoError(h.t, err)
			for _, reading := range readings {
				out[reading.At]++
			}
		}
		if cursor = page.Next; cursor == "" {
			return out
		}
	}
}

// file fetches a kept file.
func (h *house) file(role trace.Role, hash trace.Digest) []byte {
	h.t.Helper()
	request, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.base+"/v1/files/"+hash.String(), nil)
	require.NoError(h.t, err)
	request.Header.Set("Authorization", "Bearer "+h.tokens[role])
	response, err := http.DefaultClient.Do(request)
	require.NoError(h.t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(h.t, err)
	require.Equal(h.t, http.StatusOK, response.StatusCode, string(content))
	return content
}
