package desk

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"traceledger/chaincode/trace"
	"traceledger/gateway/api"
	"traceledger/gateway/index"
	"traceledger/gateway/ledger"
	"traceledger/gateway/store"
	"traceledger/gateway/wording"
)

// Config is what the desks are built from. All fields but Logger are required.
type Config struct {
	API   *api.API
	Index *index.Index
	Store *store.Store
	// PublicBase is where shoppers' pages are, such as "https://trace.example",
	// without a trailing slash. With https the cookies are for TLS only.
	PublicBase string
	Logger     *slog.Logger
}

// Desk serves /desk.
type Desk struct {
	Config
	sessions *sessions
	doors    doormen
	pages    pages
	secure   bool
	wording  *wording.Table
	handler  http.Handler
}

// New builds the desks. All their paths begin with /desk.
func New(cfg Config) (*Desk, error) {
	if cfg.API == nil || cfg.Index == nil || cfg.Store == nil || cfg.PublicBase == "" {
		return nil, errors.New("desk: interface, index, store and public base are required")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	pages, err := readPages()
	if err != nil {
		return nil, err
	}
	d := &Desk{Config: cfg, sessions: newSessions(time.Now), pages: pages, secure: strings.HasPrefix(cfg.PublicBase, "https://"), wording: wording.New()}
	d.handler = d.routes()
	return d, nil
}

// ServeHTTP answers one request.
func (d *Desk) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.handler.ServeHTTP(w, r) }

// Failed answers a request that a handler of the desk left without an answer, after a
// panic, with the page that other refusals have.
func (d *Desk) Failed(w http.ResponseWriter, r *http.Request, err *trace.Error) {
	l := languageOf(r)
	d.render(w, r, statusOf(err.Code), l, "refused", page{Title: words{"未能完成", "Not done"}, Refusal: d.refusal(l, err)})
}

func (d *Desk) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /desk/"+d.pages.styleName, d.style)
	mux.HandleFunc("GET /desk", d.front)
	mux.HandleFunc("POST /desk/sign-in", d.signIn)
	mux.HandleFunc("GET /desk/sign-in", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/desk", http.StatusSeeOther) })
	mux.HandleFunc("POST /desk/sign-out", d.signed(d.signOut))
	mux.HandleFunc("GET /desk/record/{key...}", d.signed(d.record))
	mux.HandleFunc("GET /desk/file/{hash}", d.signed(d.file))
	mux.HandleFunc("GET /desk/template/{kind}", d.signed(d.template))

	for _, role := range allRoles() {
		d.mountRole(mux, role)
	}
	mux.HandleFunc("/desk/", d.signed(d.nothing))
	mux.HandleFunc("/desk", d.signed(d.nothing)) // by another method than GET
	return secured(mux)
}

// mountRole puts up the desk of one role.
func (d *Desk) mountRole(mux *http.ServeMux, role trace.Role) {
	at := func(method, path string, next handler) {
		mux.HandleFunc(method+" /desk/"+string(role)+path, d.own(role, next))
	}
	at("GET", "", d.home)
	at("GET", "/records", d.records)
	at("GET", "/verdicts", d.verdicts)
	at("GET", "/upload/{kind}", d.uploadPage)
	at("POST", "/upload/{kind}", d.upload)
	at("GET", "/new/{form}", d.formPage)
	at("POST", "/new/{form}", d.enter)
	at("GET", "/codes", d.codesPage)
	at("POST", "/codes", d.orderCodes)
	at("GET", "/codes/{pack}", d.packPage)
	at("GET", "/codes/{pack}/codes.csv", d.codesFile)
	at("GET", "/codes/{pack}/labels", d.labels)
	at("GET", "/devices", d.devicesPage)
	at("POST", "/devices", d.enrolDevice)
	at("GET", "/devices/{device}", d.devicePage)
	at("POST", "/devices/{device}", d.changeDevice)
	d.mountLive(role, at)
}

// secured says what a page may do: show itself, with its own style and pictures, and
// post to its own site. No scripts at all.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if lang := r.URL.Query().Get("lang"); lang == string(Chinese) || lang == string(English) {
			http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: lang, Path: "/desk", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteStrictMode})
		}
		next.ServeHTTP(w, r)
	})
}

type handler func(w http.ResponseWriter, r *http.Request, v visit)

// signed lets only signed-in people in. Others see the sign-in form where they wanted
// to go; what they sent is not kept.
func (d *Desk) signed(next handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		open, found := d.sessions.find(r)
		if !found {
			d.signInPage(w, r, http.StatusUnauthorized, nil)
			return
		}
		caller, err := d.API.Resolve(open.token)
		if err != nil {
			d.sessions.end(r)
			d.signInPage(w, r, http.StatusUnauthorized, d.refusal(languageOf(r), err))
			return
		}
		next(w, r, visit{session: open, caller: caller, lang: languageOf(r), role: trace.Role(caller.Identity.Role), party: trace.PartyID(caller.Identity.Party)})
	}
}

// own lets people into the desk of their own role only.
func (d *Desk) own(role trace.Role, next handler) http.HandlerFunc {
	return d.signed(func(w http.ResponseWriter, r *http.Request, v visit) {
		if role != v.role {
			d.refuse(w, r, v, trace.Errorf(trace.CodeForbidden, "the desk of role %s is not for role %s", role, v.role))
			return
		}
		next(w, r, v)
	})
}

// ownForm checks that a posted form was made by a page of this session. Multipart
// forms are checked where they are read, before any file is.
func (d *Desk) ownForm(w http.ResponseWriter, r *http.Request, v visit) bool {
	r.Body = http.MaxBytesReader(w, r.Body, d.API.Limits.BodyBytes)
	if err := r.ParseForm(); err != nil {
		d.refuse(w, r, v, trace.Errorf(trace.CodeMalformed, "the form cannot be read: %v", err))
		return false
	}
	if !same(v.csrf, r.PostForm.Get("csrf")) {
		d.refuse(w, r, v, trace.Errorf(CodeCSRF, "the form was not made by a page of this session"))
		return false
	}
	return true
}

// front is the door: whoever is signed in goes on to their desk.
func (d *Desk) front(w http.ResponseWriter, r *http.Request) {
	if open, found := d.sessions.find(r); found {
		if caller, err := d.API.Resolve(open.token); err == nil {
			http.Redirect(w, r, "/desk/"+caller.Identity.Role, http.StatusSeeOther)
			return
		}
	}
	d.signInPage(w, r, http.StatusOK, nil)
}

func (d *Desk) nothing(w http.ResponseWriter, r *http.Request, v visit) {
	d.refuse(w, r, v, trace.Errorf(api.CodeNoSuchRoute, "there is no page %s", r.URL.Path))
}

// refusal tells an error as people read it. Errors without a code are ours: they are
// logged and their text kept from the page.
func (d *Desk) refusal(l Language, err error) *refusal {
	var coded *trace.Error
	if !errors.As(err, &coded) {
		coded = api.Failure(d.Logger, "desk request failed", "error", err)
	}
	says := meaning(coded.Code)
	out := &refusal{Code: coded.Code, Text: says.in(l), Detail: coded.Message}
	if l == Chinese {
		out.English = says.en
		out.Said, _ = d.wording.Chinese(coded.Message)
	}
	var unknown *ledger.UnknownOutcome
	if errors.As(err, &unknown) {
		out.Transaction = unknown.TransactionID
	}
	switch coded.Code {
	case ledger.CodeOutcomeUnknown, api.CodeInternal, ledger.CodeOutbox:
		out.Doubt, out.Retry = true, true
	case ledger.CodeBusy, ledger.CodeLedgerUnavailable, ledger.CodeClock, ledger.CodeConflict, api.CodeRateLimited, trace.CodeNotReady:
		out.Retry = true
	}
	return out
}

// refuse answers with a page that says why not.
func (d *Desk) refuse(w http.ResponseWriter, r *http.Request, v visit, err error) {
	problem := d.refusal(v.lang, err)
	d.show(w, r, statusOf(problem.Code), v, "refused", page{Title: words{"未能完成", "Not done"}, Refusal: problem})
}
