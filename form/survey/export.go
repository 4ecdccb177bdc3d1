package survey

import (
	"context"
	"crypto/hmac"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"

	"radagora/db"
	"radagora/export"
	"radagora/fault"
	"radagora/form"
)

// Formats of what leaves.
const (
	CSV      = "csv"      // one line for each complete answer
	Codebook = "codebook" // what the columns and codes mean, CSV
	SPSS     = "sps"      // syntax that reads the CSV with labels
	DDI      = "ddi"      // DDI Codebook 2.5, XML
	JSON     = "json"     // FHIR R4 Bundle of QuestionnaireResponse
)

// A column of what leaves.
type column struct {
	name, label, kind string // kind: code, flag, number, text
	item              *form.Item
	option            int // of a flag
}

// columns are those of a form, in a language. Free text leaves only with the names of
// those who wrote it: with an anonymous answer it would tell who gave it.
func columns(s *Survey, def *form.Definition, language string) (all []column) {
	used := map[string]bool{}
	name := func(link string) string {
		b := strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
				return r
			}
			return '_'
		}, link)
		if b = b[:min(len(b), 40)]; b == "" || b[0] < 'A' {
			b = "q" + b
		}
		for base, n := b, 2; used[strings.ToLower(b)]; n++ {
			b = base + "_" + strconv.Itoa(n)
		}
		used[strings.ToLower(b)] = true
		return b
	}
	for _, fixed := range []string{"answer_language", "answer_group"} {
		all = append(all, column{name: fixed, label: fixed, kind: "text"})
		used[fixed] = true
	}
	if s.Mode == Named {
		for _, fixed := range []string{"invited_name", "invited_address", "answer_day"} {
			all = append(all, column{name: fixed, label: fixed, kind: "text"})
			used[fixed] = true
		}
	}
	for _, it := range def.All() {
		label := it.Text(language)
		c := column{name: name(it.LinkID), label: label, item: it}
		switch it.Type {
		case form.Group, form.Display, form.Attachment, form.Ref:
			continue
		case form.Choice, form.OpenChoice:
			if it.Repeats || repeated(it) {
				for i, o := range it.Options {
					all = append(all, column{name: name(it.LinkID + "_" + strconv.Itoa(i+1)), label: label + ": " + o.Text(language), kind: "flag", item: it, option: i})
				}
				continue
			}
			c.kind = "code"
		case form.Boolean:
			c.kind = "flag"
			c.option = -1
		case form.Integer, form.Decimal:
			c.kind = "number"
		case form.String, form.Text, form.URL:
			if c.kind = "text"; s.Mode != Named {
				c.kind, c.option = "flag", -2 // whether something was written
			}
		default:
			c.kind = "text"
		}
		all = append(all, c)
	}
	return all
}

// value is what stands in a column for an answer.
func (c *column) value(a *answer, session *form.Session, who Invited) string {
	switch c.name {
	case "answer_language":
		return a.language
	case "answer_group":
		return a.stratum
	case "invited_name":
		return who.Name
	case "invited_address":
		return who.Address
	case "answer_day":
		return a.day
	}
	out, asked := []string{}, false
	visit(session.Nodes, func(n *form.Node) {
		if n.Item != c.item {
			return
		}
		asked = true
		for _, x := range n.Answers {
			switch {
			case c.kind == "code":
				if i := n.Item.Chosen(x); i >= 0 {
					out = append(out, strconv.Itoa(i+1))
				} else {
					out = append(out, strconv.Itoa(len(n.Item.Options)+1)) // words of their own
				}
			case c.kind == "flag" && c.item.Type == form.Boolean:
				if out = append(out, "0"); x.Value.Text() == "true" {
					out[len(out)-1] = "1"
				}
			case c.kind == "flag" && c.option >= 0:
				if n.Item.Chosen(x) == c.option {
					out = []string{"1"}
				}
			case c.kind == "flag":
				out = []string{"1"}
			default:
				text := x.Value.Text()
				if x.Name == "valueQuantity" {
					text = strings.TrimSpace(x.Value.Get("value").Text() + " " + x.Value.Get("code").Text())
				}
				out = append(out, text)
			}
		}
	})
	if c.kind == "flag" && c.item.Type != form.Boolean && asked && len(out) == 0 {
		return "0"
	}
	return strings.Join(out, "; ")
}

// Write writes what leaves of a survey: complete answers in the order of their random
// places, or what they mean. It is noted in the journal.
func (d *Desk) Write(ctx context.Context, w io.Writer, siteID, id, format, language, by string) error {
	s, err := d.find(ctx, d.DB, siteID, id)
	if err != nil {
		return err
	}
	def, _, err := d.Forms.Form(ctx, siteID, s.URL, s.Version)
	if err != nil {
		return err
	}
	all := columns(&s, def, language)
	switch format {
	case Codebook:
		return codebook(w, all, language)
	case SPSS:
		return spss(w, &s, all, language)
	case DDI:
		return ddi(w, &s, all, language)
	case CSV, JSON:
	default:
		return fault.Errorf(fault.Invalid, "%s: %s, %s, %s, %s or %s", cut(format), CSV, Codebook, SPSS, DDI, JSON)
	}
	switch s.State {
	case Draft, Cleared:
		return fault.Errorf(fault.Conflict, "the survey is %s: there are no answers", s.State)
	case Open:
		return fault.Errorf(fault.Conflict, "the survey is open: answers leave when it is closed, or two exports would tell who answered between them")
	}
	c, err := d.counts(ctx, d.DB, &s)
	if err != nil {
		return err
	}
	if c.Complete < s.Plan.Least && s.Mode != Named {
		return fault.Errorf(fault.Conflict, "fewer than %d answers: they would tell who gave them", s.Plan.Least)
	}
	err = d.DB.Write(ctx, func(tx *db.Tx) error {
		return d.note(ctx, tx, &s, by, "survey.exported", map[string]any{"format": format, "complete": c.Complete})
	})
	if err != nil {
		return err
	}
	if format == JSON {
		return d.bundle(ctx, w, &s)
	}
	return d.lines(ctx, w, &s, all)
}

// lines writes one line for each complete answer.
func (d *Desk) lines(ctx context.Context, w io.Writer, s *Survey, all []column) error {
	who := map[string]Invited{}
	if s.Mode == Named {
		list, err := d.Invitations(ctx, s.Site, s.ID)
		if err != nil {
			return err
		}
		for _, x := range list {
			who[x.Answer] = x
		}
	}
	out := csv.NewWriter(w)
	row := make([]string, len(all))
	for i, c := range all {
		row[i] = c.name
	}
	if err := out.Write(row); err != nil {
		return fault.As(fault.Unavailable, err)
	}
	err := d.each(ctx, d.DB, s, func(a *answer, session *form.Session) error {
		for i := range all {
			row[i] = export.Guard(all[i].value(a, session, who[a.answer]))
		}
		return out.Write(row)
	})
	if err != nil {
		return err
	}
	out.Flush()
	return fault.As(fault.Unavailable, out.Error())
}

// bundle writes the answers as FHIR; of an answer without a name free text is left out.
func (d *Desk) bundle(ctx context.Context, w io.Writer, s *Survey) error {
	if _, err := io.WriteString(w, `{"resourceType":"Bundle","type":"collection","entry":[`); err != nil {
		return fault.As(fault.Unavailable, err)
	}
	first := true
	err := d.each(ctx, d.DB, s, func(a *answer, session *form.Session) error {
		if s.Mode != Named {
			if err := silence(session); err != nil {
				return err
			}
		}
		r, err := session.Response(form.Heading{Status: "completed"}, a.language)
		if err != nil {
			return err
		}
		sep := ","
		if first {
			sep, first = "", false
		}
		_, err = fmt.Fprintf(w, "%s\n{\"resource\":%s}", sep, r.JSON())
		return fault.As(fault.Unavailable, err)
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n]}\n")
	return fault.As(fault.Unavailable, err)
}

// silence takes free texts out of an answer.
func silence(s *form.Session) (err error) {
	visit(s.Nodes, func(n *form.Node) {
		if t := n.Item.Type; err != nil || n.Item.Calculated != nil || len(n.Answers) == 0 || t != form.String && t != form.Text && t != form.OpenChoice && t != form.URL {
			return
		}
		var kept []*form.Answer
		for _, a := range n.Answers {
			if n.Item.Chosen(a) >= 0 {
				kept = append(kept, a)
			}
		}
		if len(kept) < len(n.Answers) && !n.Item.ReadOnly {
			err = s.Set(n, kept...)
		}
	})
	return err
}

// codes are the codes of a column with what they mean, in order.
func (c *column) codes(language string) (all [][2]string) {
	switch {
	case c.kind == "flag":
		return [][2]string{{"0", "no"}, {"1", "yes"}}
	case c.kind != "code":
		return nil
	}
	for i, o := range c.item.Options {
		all = append(all, [2]string{strconv.Itoa(i + 1), o.Text(language)})
	}
	if c.item.Type == form.OpenChoice {
		all = append(all, [2]string{strconv.Itoa(len(c.item.Options) + 1), "in own words"})
	}
	return all
}

func codebook(w io.Writer, all []column, language string) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"column", "question", "label", "type", "code", "meaning"})
	for _, c := range all {
		link := ""
		if c.item != nil {
			link = c.item.LinkID
		}
		codes := c.codes(language)
		if len(codes) == 0 {
			codes = [][2]string{{}}
		}
		for _, x := range codes {
			_ = out.Write([]string{c.name, link, export.Guard(c.label), c.kind, x[0], export.Guard(x[1])})
		}
	}
	out.Flush()
	return fault.As(fault.Unavailable, out.Error())
}

// quoted writes a text as SPSS reads it.
func quoted(s string, most int) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// spss writes syntax that reads answers.csv beside it, with the labels of columns and codes.
func spss(w io.Writer, s *Survey, all []column, language string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "* Encoding: UTF-8.\n* %s.\nGET DATA /TYPE=TXT /FILE='answers.csv' /ENCODING='UTF8' /DELIMITERS=',' /QUALIFIER='\"' /ARRANGEMENT=DELIMITED /FIRSTCASE=2 /VARIABLES=\n", strings.NewReplacer("\n", " ", "\r", " ", ".", " ").Replace(s.Plan.Title))
	for _, c := range all {
		width := map[string]string{"text": "A1000", "number": "F20.6"}[c.kind]
		if width == "" {
			width = "F4.0"
		}
		fmt.Fprintf(&b, "  %s %s\n", c.name, width)
	}
	b.WriteString(".\nVARIABLE LABELS\n")
	for _, c := range all {
		fmt.Fprintf(&b, "  %s %s\n", c.name, quoted(c.label, 250))
	}
	b.WriteString(".\n")
	for _, c := range all {
		codes := c.codes(language)
		if len(codes) == 0 {
			continue
		}
		fmt.Fprintf(&b, "VALUE LABELS %s", c.name)
		for _, x := range codes {
			fmt.Fprintf(&b, "\n  %s %s", x[0], quoted(x[1], 115))
		}
		b.WriteString(".\n")
	}
	b.WriteString("EXECUTE.\n")
	_, err := io.WriteString(w, b.String())
	return fault.As(fault.Unavailable, err)
}

// ddi writes a codebook as DDI 2.5.
func ddi(w io.Writer, s *Survey, all []column, language string) error {
	type category struct {
		Value string `xml:"catValu"`
		Label string `xml:"labl"`
	}
	type format struct {
		Type string `xml:"type,attr"`
	}
	type variable struct {
		ID         string     `xml:"ID,attr"`
		Name       string     `xml:"name,attr"`
		Label      string     `xml:"labl"`
		Categories []category `xml:"catgry"`
		Format     format     `xml:"varFormat"`
	}
	type book struct {
		XMLName   xml.Name   `xml:"ddi:codebook:2_5 codeBook"`
		Version   string     `xml:"version,attr"`
		Title     string     `xml:"stdyDscr>citation>titlStmt>titl"`
		Abstract  string     `xml:"stdyDscr>stdyInfo>abstract"`
		Variables []variable `xml:"dataDscr>var"`
	}
	b := book{Version: "2.5", Title: s.Plan.Title, Abstract: s.Plan.Purpose}
	for i, c := range all {
		v := variable{ID: "V" + strconv.Itoa(i+1), Name: c.name, Label: c.label, Format: format{Type: "numeric"}}
		if c.kind == "text" {
			v.Format.Type = "character"
		}
		for _, x := range c.codes(language) {
			v.Categories = append(v.Categories, category{Value: x[0], Label: x[1]})
		}
		b.Variables = append(b.Variables, v)
	}
	raw, err := xml.MarshalIndent(b, "", " ")
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, raw)
	return fault.As(fault.Unavailable, err)
}

// WriteResults writes what a survey says as JSON.
func WriteResults(w io.Writer, r Results) error {
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	_, err = fmt.Fprintf(w, "%s\n", raw)
	return fault.As(fault.Unavailable, err)
}

// Pass is the secret of the address by which a delegate sees the results of a group
// beside those of all, "" of a group for everybody.
func (d *Desk) Pass(survey, group string) string { return d.derive("results", survey, group) }

// Passed returns the results for whoever has the secret of their address. NotFound, and
// nothing else: it is none.
func (d *Desk) Passed(ctx context.Context, siteID, id, group, secret string) (Survey, Results, error) {
	if !hmac.Equal([]byte(secret), []byte(d.Pass(id, group))) {
		return Survey{}, Results{}, errNoDoor()
	}
	s, err := d.find(ctx, d.DB, siteID, id)
	if err != nil {
		return s, Results{}, errNoDoor()
	}
	r, err := d.Results(ctx, siteID, id)
	return s, r, err
}
