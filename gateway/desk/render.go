package desk

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"time"

	"traceledger/chaincode/trace"
)

//go:embed templates
var templates embed.FS

// pages are the parsed templates, in each language, and the style they share. The
// style's address changes with its content, so browsers may keep it.
type pages struct {
	in        map[Language]*template.Template
	style     []byte
	styleName string
}

func readPages() (pages, error) {
	p := pages{in: map[Language]*template.Template{}}
	var err error
	if p.style, err = templates.ReadFile("templates/style.css"); err != nil {
		return p, err
	}
	sum := sha256.Sum256(p.style)
	p.styleName = "style-" + hex.EncodeToString(sum[:6]) + ".css"
	for _, l := range []Language{Chinese, English} {
		functions := template.FuncMap{
			"t":     func(zh, en string) string { return words{zh, en}.in(l) },
			"style": func() string { return "/desk/" + p.styleName },
			"dict":  func(a, b any) map[string]any { return map[string]any{"A": a, "B": b} },
			"inc":   func(n int) int { return n + 1 },
			"nonce": secret,
			"now":   func() string { return time.Now().In(china).Format(swapTimeForm) },
		}
		if p.in[l], err = template.New("desk").Funcs(functions).ParseFS(templates, "templates/*.html"); err != nil {
			return p, err
		}
	}
	return p, nil
}

// page is what every template gets; Body is its own part.
type page struct {
	Title   words
	Lang    Language
	CSRF    string
	Party   string
	Role    trace.Role
	Name    string // of the party, as the registry knows it
	RoleIn  string
	Refusal *refusal
	// Again are the fields of the form this page answers: it can be sent again for
	// the other language, for a confirmation or a retry.
	Again url.Values
	// Here is the address forms post to.
	Here string
	// OtherPage is this page in the other language.
	OtherPage string
	Body      any
}

// TitleIn is the title in the page's language.
func (p page) TitleIn() string { return p.Title.in(p.Lang) }

// Tag and Other serve the language link.
func (p page) Tag() string     { return p.Lang.Tag() }
func (p page) Other() Language { return p.Lang.Other() }

// Hidden lists the fields of Again in a fixed order, those that differ between
// buttons left out.
func (p page) Hidden() []hidden {
	var out []hidden
	for _, name := range sortedNames(p.Again) {
		if name == "csrf" || name == "do" || name == "lang" {
			continue
		}
		for _, value := range p.Again[name] {
			out = append(out, hidden{name, value})
		}
	}
	return out
}

type hidden struct{ Name, Value string }

// render writes a page, or a plain error if its template fails.
func (d *Desk) render(w http.ResponseWriter, r *http.Request, status int, l Language, name string, p page) {
	p.Lang = l
	if p.Here == "" {
		p.Here = r.URL.EscapedPath()
	}
	query := r.URL.Query()
	query.Set("lang", string(l.Other()))
	p.OtherPage = "?" + query.Encode()
	var out bytes.Buffer
	t := d.pages.in[l]
	var main bytes.Buffer
	if err := t.ExecuteTemplate(&main, name, p); err != nil {
		d.Logger.Error("page not drawn", "page", name, "error", err)
		http.Error(w, "the page cannot be drawn; the log has the details", http.StatusInternalServerError)
		return
	}
	frame := struct {
		page
		Main template.HTML // what the template above made, escaped there
	}{p, template.HTML(main.String())}
	if err := t.ExecuteTemplate(&out, "frame", frame); err != nil {
		d.Logger.Error("page not drawn", "page", name, "error", err)
		http.Error(w, "the page cannot be drawn; the log has the details", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", l.Tag())
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // a failure is the reader's connection
}

// show renders a page of somebody signed in.
func (d *Desk) show(w http.ResponseWriter, r *http.Request, status int, v visit, name string, p page) {
	p.CSRF, p.Party, p.Role, p.RoleIn = v.csrf, string(v.party), v.role, roleName(v.role).in(v.lang)
	p.Name = d.partyName(v.lang, v.party)
	d.render(w, r, status, v.lang, name, p)
}

// partyName is what the registry calls a party, its id if it is not there.
func (d *Desk) partyName(l Language, id trace.PartyID) string {
	party, found, err := d.Index.Party(id)
	if err != nil || !found || party.Record.Name == "" {
		return string(id)
	}
	if l == English && party.Record.NameEnglish != "" {
		return party.Record.NameEnglish
	}
	return party.Record.Name
}

func (d *Desk) style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("Content-Length", fmt.Sprint(len(d.pages.style)))
	_, _ = w.Write(d.pages.style)
}
