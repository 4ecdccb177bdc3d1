package privacy

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"radagora/access"
	"radagora/content"
)

// A Duty is a duty of law as a requirement.
type Duty struct {
	ID, Law, Article string // Law is a code: euratom, gdpr, ehds
	LawName          Words
	Verified         bool // the article, or the point used, was read
	Of               []Words
	Requirement      Words
	Capabilities     []string
	Audits           []string
	Evidence         []Evidence
}

// Evidence is how a fact that proves a duty stands.
type Evidence struct {
	ID        string
	Connected bool    // the program can compute it
	State     string  // as package evidence says
	Number    float64 // 0 to 1 where the unit is percent
	Unit      string
	N         int // cases
}

// An Act is an act of law with what of it was read.
type Act struct {
	ID       string // of the content set
	Title    string
	Dates    []ActDate
	Articles []Article
	Roles    []ActRole
}

// An ActDate is a day from which something holds.
type ActDate struct {
	Date, Note string
	What       Words
	Confirmed  bool
}

// An Article is an article in our own words.
type Article struct {
	Article  string
	What     Words
	Verified bool
}

// An ActRole says who is what in a usual case.
type ActRole struct{ Case, Role Words }

// Duties returns all duties in the order of the content, with the evidence as a
// site has it.
func (d *Desk) Duties(ctx context.Context, siteID string) ([]Duty, error) {
	if err := access.Check(ctx, access.RegisterRead, access.Subject{Site: siteID}); err != nil {
		return nil, err
	}
	named := map[string]Words{}
	for table, column := range map[string]string{"parties": "party", "laws": "law"} {
		_, err := rows(d, siteID, "law/duty", table, func(r *content.Row) string {
			named[table+" "+r.Text(column)] = words(r, "label")
			return ""
		})
		if err != nil {
			return nil, err
		}
	}
	all, err := rows(d, siteID, "law/duty", "duties", func(r *content.Row) Duty {
		duty := Duty{
			ID: r.Text("id"), Law: r.Text("law"), Article: r.Text("article"), Verified: r.Yes("verified"),
			LawName: named["laws "+r.Text("law")], Requirement: words(r, "requirement"),
			Capabilities: r.List("capability"), Audits: r.List("audit"),
		}
		for _, p := range r.List("duty_of") {
			duty.Of = append(duty.Of, named["parties "+p])
		}
		for _, id := range r.List("evidence") {
			duty.Evidence = append(duty.Evidence, Evidence{ID: id})
		}
		return duty
	})
	for i := range all {
		for j := range all[i].Evidence {
			if e := &all[i].Evidence[j]; err == nil && d.Evidence != nil {
				*e, err = d.Evidence(ctx, siteID, e.ID)
			}
		}
	}
	return all, err
}

// Acts returns the acts of law of which content tells dates, articles and roles.
func (d *Desk) Acts(siteID string) ([]Act, error) {
	var all []Act
	for _, set := range d.Content.OfKind(siteID, "law_act") {
		a := Act{ID: set.ID, Title: set.Title}
		var err error
		a.Dates, err = rows(d, siteID, set.ID, "dates", func(r *content.Row) ActDate {
			return ActDate{Date: r.Text("date"), What: words(r, "what"), Confirmed: r.Text("status") == "read", Note: r.Text("note")}
		})
		if err != nil {
			return nil, err
		}
		a.Articles, err = rows(d, siteID, set.ID, "articles", func(r *content.Row) Article {
			return Article{Article: r.Text("article"), What: words(r, "what"), Verified: r.Yes("verified")}
		})
		if err != nil {
			return nil, err
		}
		a.Roles, err = rows(d, siteID, set.ID, "roles", func(r *content.Row) ActRole {
			return ActRole{Case: words(r, "label"), Role: words(r, "role")}
		})
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// WriteDuties writes duties as CSV for an inspector, in a language.
func WriteDuties(w io.Writer, all []Duty, language string) error {
	out := csv.NewWriter(w)
	header := []string{"id", "law", "article", "verified", "duty_of", "requirement", "capability", "audit", "evidence", "evidence_state"}
	if err := out.Write(header); err != nil {
		return err
	}
	for _, duty := range all {
		var of, ids, states []string
		for _, p := range duty.Of {
			of = append(of, p.In(language))
		}
		for _, e := range duty.Evidence {
			ids = append(ids, e.ID)
			state := "not connected"
			if e.Connected {
				state = strings.TrimSpace(fmt.Sprintf("%s %g %s, n %d", e.State, e.Number, e.Unit, e.N))
			}
			states = append(states, state)
		}
		err := out.Write(safe(
			duty.ID, duty.LawName.In(language), duty.Article, yes(duty.Verified), strings.Join(of, "; "), duty.Requirement.In(language),
			strings.Join(duty.Capabilities, "; "), strings.Join(duty.Audits, "; "), strings.Join(ids, "; "), strings.Join(states, "; "),
		))
		if err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// OfArticle returns the duties of a law, and of one article of it unless that is "".
func OfArticle(all []Duty, law, article string) []Duty {
	var some []Duty
	for _, duty := range all {
		if (law == "" || duty.Law == law) && (article == "" || duty.Article == article || number(duty.Article) == article) {
			some = append(some, duty)
		}
	}
	return some
}

// number returns an article without its paragraphs: 33 for 33(1).
func number(article string) string {
	n, _, _ := strings.Cut(article, "(")
	return n
}

// yes writes a truth value as content does.
func yes(v bool) string {
	if v {
		return "yes"
	}
	return "no"
}

// safe keeps spreadsheets from taking a text for a formula.
func safe(fields ...string) []string {
	for i, f := range fields {
		if f != "" && strings.ContainsRune("=+-@\t\r", rune(f[0])) {
			fields[i] = "'" + f
		}
	}
	return fields
}
