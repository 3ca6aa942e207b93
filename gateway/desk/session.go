package desk

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
)

// Sessions last a working day; those unused for two hours end before.
const (
	sessionLife = 12 * time.Hour
	sessionIdle = 2 * time.Hour
	maxSessions = 10_000
)

// Refused sign-ins are limited for each address: a burst, then a slow trickle. Tokens
// hold 256 bits, so the limit only keeps guessing from costing the gateway anything;
// a whole office behind one address signs in freely.
const (
	signInEvery = 6 * time.Second
	signInBurst = 10
)

const (
	sessionCookie = "desk-session"
	signInCookie  = "desk-sign-in"
)

// session is one signed-in browser. The token is kept, not the caller it stood for:
// every request resolves it anew, so a revoked token ends the session at once.
type session struct {
	token string
	csrf  string
	began time.Time
	seen  time.Time
}

// sessions holds what the cookies stand for, by the SHA-256 of the cookie: what is in
// memory signs nobody in. A restart signs everybody out.
type sessions struct {
	mu  sync.Mutex
	all map[[sha256.Size]byte]*session
	now func() time.Time
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{all: map[[sha256.Size]byte]*session{}, now: now}
}

// secret is 256 fresh random bits as text.
func secret() string {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(random[:])
}

// begin opens a session and gives its cookie.
func (s *sessions) begin(token string) string {
	cookie, now := secret(), s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now)
	s.all[sha256.Sum256([]byte(cookie))] = &session{token: token, csrf: secret(), began: now, seen: now}
	return cookie
}

// sweep forgets what has ended and, when too many are left, the one unused longest.
func (s *sessions) sweep(now time.Time) {
	var oldest [sha256.Size]byte
	var since time.Time
	for key, open := range s.all {
		if open.ended(now) {
			delete(s.all, key)
		} else if since.IsZero() || open.seen.Before(since) {
			oldest, since = key, open.seen
		}
	}
	if len(s.all) >= maxSessions {
		delete(s.all, oldest)
	}
}

func (o *session) ended(now time.Time) bool {
	return now.Sub(o.began) > sessionLife || now.Sub(o.seen) > sessionIdle
}

// find gives what a cookie stands for.
func (s *sessions) find(r *http.Request) (session, bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return session{}, false
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	open := s.all[sha256.Sum256([]byte(cookie.Value))]
	if open == nil || open.ended(now) {
		return session{}, false
	}
	open.seen = now
	return *open, true
}

func (s *sessions) end(r *http.Request) {
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.all, sha256.Sum256([]byte(cookie.Value)))
	}
}

// same compares two secrets in constant time.
func same(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// setCookie keeps a secret in the browser where no script reads it and no other site
// sends it.
func (d *Desk) setCookie(w http.ResponseWriter, r *http.Request, name, value string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/desk", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || d.secure,
	})
}

// doormen limits sign-ins by address; an address unused for an hour is forgotten.
type doormen struct {
	mu    sync.Mutex
	all   map[string]*doorman
	swept time.Time
}

type doorman struct {
	*rate.Limiter
	seen time.Time
}

// at finds the doorman of a request's address.
func (d *doormen) at(r *http.Request, now time.Time) *doorman {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all == nil {
		d.all = map[string]*doorman{}
	}
	if now.Sub(d.swept) > time.Hour || len(d.all) > maxSessions {
		for k, m := range d.all {
			if now.Sub(m.seen) > time.Hour {
				delete(d.all, k)
			}
		}
		d.swept = now
	}
	m := d.all[host]
	if m == nil {
		m = &doorman{Limiter: rate.NewLimiter(rate.Every(signInEvery), signInBurst)}
		d.all[host] = m
	}
	m.seen = now
	return m
}

// visit is one request of a signed-in person.
type visit struct {
	session
	caller api.Caller
	lang   Language
	role   trace.Role
	party  trace.PartyID
}

// signInPage shows the form, with a problem from the try before.
func (d *Desk) signInPage(w http.ResponseWriter, r *http.Request, status int, problem *refusal) {
	proof := secret()
	d.setCookie(w, r, signInCookie, proof, 3600)
	d.render(w, r, status, languageOf(r), "sign-in", page{Title: words{"登录", "Sign in"}, CSRF: proof, Refusal: problem})
}

// signIn turns a token into a session. The form proves by its cookie that it was made
// here: nobody can be signed in as somebody else by a link.
func (d *Desk) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	l := languageOf(r)
	if err := r.ParseForm(); err != nil {
		d.signInPage(w, r, http.StatusBadRequest, d.refusal(l, trace.Errorf(trace.CodeMalformed, "the form cannot be read")))
		return
	}
	proof, err := r.Cookie(signInCookie)
	if err != nil || !same(proof.Value, r.PostForm.Get("csrf")) {
		d.signInPage(w, r, http.StatusForbidden, d.refusal(l, trace.Errorf(CodeCSRF, "the form is not of this browser")))
		return
	}
	now := time.Now()
	door := d.doors.at(r, now)
	if door.TokensAt(now) < 1 {
		w.Header().Set("Retry-After", "60")
		d.signInPage(w, r, http.StatusTooManyRequests, d.refusal(l, trace.Errorf(api.CodeRateLimited, "too many sign-ins from this address; wait a minute")))
		return
	}
	token := r.PostForm.Get("token")
	caller, err := d.API.Resolve(token)
	if err != nil {
		door.AllowN(now, 1)
		d.Logger.Warn("sign-in refused", "code", trace.CodeOf(err))
		d.signInPage(w, r, http.StatusUnauthorized, d.refusal(l, err))
		return
	}
	d.sessions.end(r)
	d.setCookie(w, r, sessionCookie, d.sessions.begin(token), int(sessionLife/time.Second))
	d.setCookie(w, r, signInCookie, "", -1)
	d.Logger.Info("signed in", "token", caller.Token.ID, "party", caller.Token.Party, "role", caller.Token.Role)
	http.Redirect(w, r, "/desk/"+caller.Token.Role, http.StatusSeeOther)
}

func (d *Desk) signOut(w http.ResponseWriter, r *http.Request, v visit) {
	if !d.ownForm(w, r, v) {
		return
	}
	d.sessions.end(r)
	d.setCookie(w, r, sessionCookie, "", -1)
	http.Redirect(w, r, "/desk", http.StatusSeeOther)
}
