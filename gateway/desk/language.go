package desk

import (
	"net/http"
	"time"

	"traceledger/chaincode/trace"
)

// Language is what a page is written in.
type Language string

// Languages: Chinese first, English one tap away.
const (
	Chinese Language = "zh"
	English Language = "en"
)

// Tag is the language's BCP 47 tag.
func (l Language) Tag() string {
	if l == English {
		return "en"
	}
	return "zh-CN"
}

// Other is the language one tap away.
func (l Language) Other() Language {
	if l == English {
		return Chinese
	}
	return English
}

// words is one text in both languages.
type words struct{ zh, en string }

// in gives the text of a language.
func (w words) in(l Language) string {
	if l == English {
		return w.en
	}
	return w.zh
}

const languageCookie = "desk-lang"

// languageOf is what ?lang= says, else what it said last, else Chinese.
func languageOf(r *http.Request) Language {
	if asked := Language(r.URL.Query().Get("lang")); asked == Chinese || asked == English {
		return asked
	}
	if kept, err := r.Cookie(languageCookie); err == nil && kept.Value == string(English) {
		return English
	}
	return Chinese
}

// china is where every time on a page is read and written.
var china = time.FixedZone("+08:00", trace.ChinaStandardTime)

// clock is a moment as people write it, Beijing time.
func clock(t trace.Time) string {
	if t == 0 {
		return ""
	}
	return t.UTC().In(china).Format("2006-01-02 15:04:05")
}
