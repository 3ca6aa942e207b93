package scanner

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"traceledger/chaincode/trace"
)

// visitors names phones without remembering them: a visitor's key is a hash of
// address and user agent under a secret that lives one day (+08:00) in memory
// only. Nobody, the operator included, can lead a key back to an address once the
// day is over, and no key links two days. A restart forgets the secret too: then a
// repeat within its half hour counts once more.
type visitors struct {
	mu   sync.RWMutex
	day  trace.Date
	salt [32]byte
}

// key is what scan counting knows a phone by.
func (v *visitors) key(client netip.Addr, userAgent string, now time.Time) string {
	salt := v.saltOf(trace.TimeOf(now).Date())
	var stack [256]byte
	b := append(stack[:0], salt[:]...)
	raw := client.As16()
	b = append(b, raw[:]...)
	b = append(b, userAgent...)
	sum := sha256.Sum256(b)
	return string(sum[:16])
}

func (v *visitors) saltOf(today trace.Date) [32]byte {
	v.mu.RLock()
	day, salt := v.day, v.salt
	v.mu.RUnlock()
	if day == today {
		return salt
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.day != today {
		rand.Read(v.salt[:]) // never fails, as its documentation promises
		v.day = today
	}
	return v.salt
}

// clientAddress is the address a request comes from: the connection's, or, when
// that is a trusted proxy's, the last one in X-Forwarded-For that is not.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	client := peer.Addr().Unmap()
	if len(trusted) == 0 || !within(client, trusted) {
		return client
	}
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(forwarded) - 1; i >= 0; i-- {
		address, err := netip.ParseAddr(strings.TrimSpace(forwarded[i]))
		if err != nil {
			break
		}
		if client = address.Unmap(); !within(client, trusted) {
			break
		}
	}
	return client
}

func within(a netip.Addr, prefixes []netip.Prefix) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// counts tells whether a request is a person's scan: HEAD, prefetches, and the
// fetches by which chat and search programs make link previews are not.
func counts(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	for _, name := range []string{"Purpose", "Sec-Purpose", "X-Moz"} {
		if value := r.Header.Get(name); value != "" && strings.Contains(value, "prefetch") {
			return false
		}
	}
	return !preview(r.UserAgent())
}

// preview recognises the user agents of link previews and crawlers. Their makers
// publish the names; a preview that hides behind a browser's name is counted.
func preview(userAgent string) bool {
	if userAgent == "" {
		return false
	}
	lower := strings.ToLower(userAgent)
	for _, mark := range []string{
		"bot", "spider", "crawler", "preview", "facebookexternalhit", "facebookcatalog", "whatsapp", "embedly",
		"slack-imgproxy", "vkshare", "pinterest/", "skypeuripreview", "mattermost", "iframely", "feishu-link", "lark-link",
	} {
		if strings.Contains(lower, mark) {
			return true
		}
	}
	return false
}
