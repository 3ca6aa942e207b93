package scanner

import (
	"net/http"
	"strconv"
	"strings"

	"traceledger/chaincode/trace"
	"traceledger/scanner-api/page"
)

// format is a representation.
type format int

const (
	formatHTML format = iota
	formatJSON
	formatLinkset
)

const (
	typeHTML    = "text/html; charset=utf-8"
	typeJSON    = "application/json; charset=utf-8"
	typeLinkset = "application/linkset+json"
	typeProblem = "application/problem+json"
)

// CodeNoSuchLink: a link type is asked for that the subject has no link of.
const CodeNoSuchLink trace.Code = "NO_SUCH_LINK"

// wanted is what a request asks for.
type wanted struct {
	format   format
	language page.Language
}

// negotiate reads the query (format, linkType, lang) first and then the Accept
// header; without either it is the Chinese page.
func negotiate(r *http.Request) (wanted, error) {
	w := wanted{language: page.Chinese}
	if r.URL.RawQuery == "" {
		w.format = accepted(r.Header.Get("Accept"))
		return w, nil
	}
	query := r.URL.Query()
	if query.Get("lang") == string(page.English) {
		w.language = page.English
	}
	switch query.Get("linkType") {
	case "", "gs1:defaultLink", "gs1:pip", "gs1:traceability":
	case "linkset", "all":
		w.format = formatLinkset
		return w, nil
	default:
		return w, trace.Errorf(CodeNoSuchLink, "link type %q: there are gs1:pip, gs1:traceability and linkset", query.Get("linkType"))
	}
	switch query.Get("format") {
	case "json":
		w.format = formatJSON
	case "html":
		w.format = formatHTML
	case "linkset":
		w.format = formatLinkset
	case "":
		w.format = accepted(r.Header.Get("Accept"))
	default:
		return w, trace.Errorf(trace.CodeInvalid, "format %q: there are html, json and linkset", query.Get("format"))
	}
	return w, nil
}

// accepted finds the representation that an Accept header prefers (RFC 9110,
// 12.5.1); what it does not name is HTML.
func accepted(header string) format {
	best, bestQ := formatHTML, -1
	for header != "" {
		var part string
		part, header, _ = strings.Cut(header, ",")
		mediaType, parameters, _ := strings.Cut(part, ";")
		f := formatHTML
		switch strings.TrimSpace(mediaType) {
		case "application/json", "application/problem+json":
			f = formatJSON
		case "application/linkset+json":
			f = formatLinkset
		case "text/html", "application/xhtml+xml", "*/*", "text/*":
		default:
			continue
		}
		if q := quality(parameters); q > bestQ && q > 0 {
			best, bestQ = f, q
		}
	}
	return best
}

// quality is a q parameter in thousandths, 1000 without one.
func quality(parameters string) int {
	for parameters != "" {
		var parameter string
		parameter, parameters, _ = strings.Cut(parameters, ";")
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if name == "q" {
			q, err := strconv.ParseFloat(value, 64)
			if err != nil || q < 0 || q > 1 {
				return 0
			}
			return int(q * 1000)
		}
	}
	return 1000
}
