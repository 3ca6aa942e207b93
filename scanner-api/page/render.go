package page

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed templates
var sources embed.FS

// Renderer puts views through the templates. It is safe for concurrent use.
type Renderer struct {
	style template.CSS
	pages map[Language]*template.Template
	build string
}

// NewRenderer parses the embedded templates once for each language.
func NewRenderer() (*Renderer, error) {
	css, err := sources.ReadFile("templates/style.css")
	if err != nil {
		return nil, err
	}
	r := &Renderer{style: template.CSS(compact(string(css))), pages: map[Language]*template.Template{}}
	digest := sha256.New()
	digest.Write(css)
	for _, l := range []Language{Chinese, English} {
		t, err := template.New("").Funcs(template.FuncMap{"t": l.words}).ParseFS(sources, "templates/*.html")
		if err != nil {
			return nil, fmt.Errorf("page templates: %w", err)
		}
		r.pages[l] = t
	}
	for _, name := range []string{"templates/layout.html", "templates/story.html"} {
		source, err := sources.ReadFile(name)
		if err != nil {
			return nil, err
		}
		digest.Write(source)
	}
	r.build = base64.RawURLEncoding.EncodeToString(digest.Sum(nil)[:6])
	return r, nil
}

// Render writes the page of a view.
func (r *Renderer) Render(w io.Writer, l Language, v View) error {
	v.Style = r.style
	v.Lang, v.Tag, v.Other = string(l), l.Tag(), l.Other()
	return r.pages[l].ExecuteTemplate(w, "page", v)
}

// StyleHash is what a content security policy names to allow the pages' style
// sheet: 'sha256-…'.
func (r *Renderer) StyleHash() string {
	sum := sha256.Sum256([]byte(r.style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Build names the templates; pages made by others differ in it.
func (r *Renderer) Build() string { return r.build }

// compact drops line ends, which a style sheet does not need.
func compact(css string) string { return strings.ReplaceAll(css, "\n", "") }
