package desk

import (
	"net/http"

	"traceledger/gateway/api"
	"traceledger/gateway/floor"
)

type selfCheckBody struct {
	Text, Category string
	Checked        *api.SelfChecked
	Said           []piece
}

func (d *Desk) selfCheckPage(w http.ResponseWriter, r *http.Request, v visit) {
	d.show(w, r, http.StatusOK, v, "self-check", page{Title: words{"话术自查", "Check a script"}, Body: selfCheckBody{}})
}

// selfCheck answers with the findings. The text goes back to its author and nowhere else.
func (d *Desk) selfCheck(w http.ResponseWriter, r *http.Request, v visit) {
	if !d.ownForm(w, r, v) {
		return
	}
	body := selfCheckBody{Text: r.PostForm.Get("text"), Category: r.PostForm.Get("category")}
	p := page{Title: words{"话术自查", "Check a script"}}
	status := http.StatusOK
	checked, err := d.API.SelfCheck(v.caller, api.SelfCheck{Text: body.Text, Category: body.Category})
	if err != nil {
		p.Refusal = d.refusal(v.lang, err)
		status = statusOf(p.Refusal.Code)
	} else {
		var terms []floor.Term
		for _, found := range checked.Findings {
			terms = append(terms, found.Term)
		}
		body.Checked, body.Said = &checked, marked(body.Text, terms)
	}
	p.Body = body
	d.show(w, r, status, v, "self-check", p)
}
