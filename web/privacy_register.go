package web

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/access/privacy"
	"radagora/fault"
	"radagora/web/face"
)

// A register is what the page of the record of processing shows.
type register struct {
	record  privacy.Record
	parties []privacy.Party
	acts    []privacy.Act
	change  bool // whoever looks may change parties
	form    privacy.Party
	wrong   map[string]string
}

// registerPage shows the record of processing and who gets data.
func (s *server) registerPage(v *visit) error { return v.showRegister(privacy.Party{}, nil) }

// showRegister shows the page; p and wrong are a form it has to give back.
func (v *visit) showRegister(p privacy.Party, wrong map[string]string) error {
	ctx := v.r.Context()
	all := register{form: p, wrong: wrong, change: access.Can(ctx, access.RegisterChange, access.Subject{Site: privacySite})}
	var err error
	if all.record, err = v.Privacy.Record(ctx, privacySite); err != nil {
		return err
	}
	if all.parties, err = v.Privacy.Parties(ctx, privacySite); err != nil {
		return err
	}
	if all.acts, err = v.Privacy.Acts(privacySite); err != nil {
		return err
	}
	if open := v.r.URL.Query().Get("open"); wrong == nil && open != "" {
		for _, known := range all.parties {
			if known.ID == open {
				all.form = known
			}
		}
	}
	pg := page{title: v.p.T("nav.privacy_register"), lead: v.p.T("privacy.register_lead"), section: "/privacy/register", actions: registerActions(v)}
	if wrong != nil {
		pg.status = 400
	}
	return v.show(pg, registerBody(v, all))
}

// registerExport sends the record as a file.
func (s *server) registerExport(v *visit) error {
	r, err := s.Privacy.Record(v.r.Context(), privacySite)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	format := v.r.URL.Query().Get("format")
	switch format {
	case "csv":
		err = r.WriteCSV(&b, v.p.Tag())
	case "json":
		err = r.WriteJSON(&b)
	default:
		err = fault.Errorf(fault.Invalid, "no record as %.20q: csv or json", format)
	}
	if err != nil {
		return err
	}
	v.attach("processing-record-"+v.now().Format("2006-01-02")+"."+format, mediaOf[format])
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

// mediaOf are the formats of these pages.
var mediaOf = map[string]string{"csv": "text/csv; charset=utf-8", "json": "application/json"}

// partyKeep notes or changes a party.
func (s *server) partyKeep(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	p := privacy.Party{
		ID: v.sent("id"), Site: privacySite, Role: v.sent("role"), Name: v.sent("name"), Contact: v.sent("contact"), Task: v.sent("task"),
		Contract: v.sent("contract"), ContractOn: v.sent("contract_on"), ReviewOn: v.sent("review_on"), Country: strings.ToUpper(v.sent("country")),
		Transfer: v.sent("transfer"), Under: v.sent("under"), EndedOn: v.sent("ended_on"),
	}
	if p.ID != "" {
		p.Version = int64(v.number("version"))
	}
	wrong := map[string]string{}
	if p.Name == "" {
		wrong["name"] = v.p.T("privacy.wrong_name")
	}
	if len(p.Country) != 2 {
		wrong["country"] = v.p.T("privacy.wrong_country")
	}
	if (p.Role == privacy.SubProcessor) != (p.Under != "") {
		wrong["under"] = v.p.T("privacy.wrong_under")
	}
	if len(wrong) > 0 {
		return v.showRegister(p, wrong)
	}
	if _, err := s.Privacy.KeepParty(v.r.Context(), p); err != nil {
		return err
	}
	return v.back("/privacy/register", "party")
}

// partyTable lists who gets data.
func (v *visit) partyTable(all register) face.Table {
	t := face.Table{
		ID: "parties", Caption: v.p.T("privacy.parties"), Empty: face.Nothing(v.p.T("privacy.no_party"), v.p.T("privacy.no_party_text")),
		Columns: []face.Column{
			{Label: v.p.T("privacy.name"), Phone: face.Name},
			{Label: v.p.T("privacy.role"), Phone: face.Beside},
			{Label: v.p.T("privacy.contract")},
			{Label: v.p.T("privacy.country")},
			{Label: v.p.T("privacy.review_on"), Phone: face.Wide},
		},
	}
	for _, p := range all.parties {
		role := v.p.T("privacy.role_" + p.Role)
		ended := ""
		if p.EndedOn != "" {
			ended = v.p.T("privacy.ended_on", days(v.day(p.EndedOn)))
		}
		href := ""
		if all.change {
			href = "/privacy/register?open=" + p.ID + "#party"
		}
		t.Rows = append(t.Rows, face.Row{
			ID: p.ID, Href: href, Open: all.form.ID == p.ID,
			Cells: []templ.Component{
				face.Words(p.Name, p.Task), face.Words(role, ended), face.Words(orElse(p.Contract, "–"), v.day(p.ContractOn)),
				face.Words(p.Country, v.p.T("privacy.transfer_"+p.Transfer)), face.Words(v.day(p.ReviewOn), ""),
			},
		})
	}
	return t
}

// above are the processors a sub-processor may stand under.
func (v *visit) above(all []privacy.Party) []face.Choice {
	var some []face.Choice
	for _, p := range all {
		if p.Role == privacy.Processor {
			some = append(some, face.Choice{Code: p.ID, Label: p.Name})
		}
	}
	return some
}

// joined prints texts of content in a person's language.
func (v *visit) joined(all []privacy.Words) string {
	var some []string
	for _, w := range all {
		some = append(some, w.In(v.p.Tag()))
	}
	return strings.Join(some, " · ")
}

// recipients prints who gets the data of an activity, and what is configured.
func (v *visit) recipients(p privacy.Processing) string {
	var some []string
	for _, r := range p.Recipients {
		some = append(some, r.Name.In(v.p.Tag()))
	}
	for _, f := range p.Flows {
		some = append(some, f.Name)
	}
	return strings.Join(some, " · ")
}

// dutiesPage lists the duties of law with what proves them.
func (s *server) dutiesPage(v *visit) error {
	all, err := s.Privacy.Duties(v.r.Context(), privacySite)
	if err != nil {
		return err
	}
	q := v.here().query
	some := privacy.OfArticle(all, q.Get("law"), q.Get("article"))
	return v.show(page{title: v.p.T("nav.privacy_duties"), lead: v.p.T("privacy.duties_lead"), section: "/privacy/duties"}, dutiesBody(v, all, some))
}

// dutiesExport sends duties as a file for an inspector.
func (s *server) dutiesExport(v *visit) error {
	all, err := s.Privacy.Duties(v.r.Context(), privacySite)
	if err != nil {
		return err
	}
	q := v.r.URL.Query()
	var b bytes.Buffer
	if err := privacy.WriteDuties(&b, privacy.OfArticle(all, q.Get("law"), q.Get("article")), v.p.Tag()); err != nil {
		return err
	}
	v.attach(fmt.Sprintf("duties-%s.csv", v.now().Format("2006-01-02")), mediaOf["csv"])
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

// laws are the laws of duties, in their order.
func (v *visit) laws(all []privacy.Duty) []face.Choice {
	var some []face.Choice
	for _, d := range all {
		if n := len(some); n == 0 || some[n-1].Code != d.Law {
			some = append(some, face.Choice{Code: d.Law, Label: d.LawName.In(v.p.Tag())})
		}
	}
	return some
}

// evidence prints how a fact stands.
func (v *visit) evidence(e privacy.Evidence) string {
	switch {
	case !e.Connected:
		return v.p.T("privacy.not_connected")
	case e.State != "known":
		return v.p.T("privacy.no_value")
	case e.Unit == "percent":
		return v.p.Percent(e.Number) + " · n " + strconv.Itoa(e.N)
	}
	return v.p.Plain(e.Number) + " " + e.Unit + " · n " + strconv.Itoa(e.N)
}

// dutyTable lists duties.
func (v *visit) dutyTable(some []privacy.Duty) face.Table {
	t := face.Table{
		ID: "duties", Caption: v.p.T("nav.privacy_duties"),
		Columns: []face.Column{
			{Label: v.p.T("privacy.article_column"), Phone: face.Beside},
			{Label: v.p.T("privacy.requirement"), Phone: face.Name},
			{Label: v.p.T("privacy.duty_of")},
			{Label: v.p.T("privacy.evidence")},
			{Label: v.p.T("privacy.audits"), Phone: face.Wide},
		},
	}
	for _, d := range some {
		var proofs []string
		for _, e := range d.Evidence {
			proofs = append(proofs, e.ID+": "+v.evidence(e))
		}
		t.Rows = append(t.Rows, face.Row{ID: d.ID, Cells: []templ.Component{
			face.Words(v.article(d.Law, d.Article, true), v.confirmed(d.Verified)), face.Words(d.Requirement.In(v.p.Tag()), strings.Join(d.Capabilities, " · ")),
			face.Words(v.joined(d.Of), ""), face.Words(orElse(strings.Join(proofs, " · "), "–"), ""), face.Words(orElse(strings.Join(d.Audits, " "), "–"), ""),
		}})
	}
	return t
}

// confirmed says that something is to be confirmed, unless it was read.
func (v *visit) confirmed(read bool) string {
	if read {
		return ""
	}
	return v.p.T("privacy.to_confirm")
}
