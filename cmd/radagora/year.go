package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/audit"
	"radagora/audit/document"
	"radagora/equipment"
	"radagora/fault"
	"radagora/form/survey"
	"radagora/icalendar"
	"radagora/incident"
	"radagora/lang"
	"radagora/maturity"
	"radagora/site"
	"radagora/web"
)

// A yearView answers the page of the quality programme.
type yearView struct{ *view }

var _ web.Year = yearView{}

// Year implements web.Year.
func (v yearView) Year(ctx context.Context, language string) (web.YearPage, error) {
	return v.year(ctx, v.catalogue.Printer(language))
}

// A yearMaker gathers what the rooms say of a year.
type yearMaker struct {
	*house
	p     *lang.Printer
	zone  site.Site
	page  web.YearPage
	today string
}

// year returns what is due, found and improved, of the rooms whose registers ctx may read.
func (h *house) year(ctx context.Context, p *lang.Printer) (web.YearPage, error) {
	here, err := h.Sites.Site(ctx, at)
	if err != nil {
		return web.YearPage{}, err
	}
	y := h.yearOf(p, here)
	err = y.gather(ctx, append(y.unfound(),
		yearRoom{access.DocumentRead, y.documents},
		yearRoom{access.QualificationRead, y.qualifications},
		yearRoom{access.EquipmentRead, y.machines}))
	return y.page, err
}

// late returns what is past its day, the longest first, in the rooms that make no finding
// of it.
func (h *house) late(ctx context.Context, p *lang.Printer) ([]web.YearDue, error) {
	here, err := h.Sites.Site(ctx, at)
	if err != nil {
		return nil, err
	}
	y := h.yearOf(p, here)
	err = y.gather(ctx, y.unfound())
	return slices.DeleteFunc(y.page.Due, func(d web.YearDue) bool { return !d.Overdue }), err
}

// yearOf begins to gather a year.
func (h *house) yearOf(p *lang.Printer, here site.Site) *yearMaker {
	y := &yearMaker{house: h, p: p, zone: here, today: here.Day(h.Now())}
	y.page.Today, y.page.Base = day(y.today), h.links
	y.page.Year = y.page.Today.Year()
	return y
}

// A yearRoom says what is due in a room, to those who may read its register.
type yearRoom struct {
	act access.Act
	of  func(context.Context) error
}

// unfound are the rooms that make no finding of what is late.
func (y *yearMaker) unfound() []yearRoom {
	return []yearRoom{{access.AuditRead, y.audits}, {access.IncidentRead, y.incidents}, {access.AggregateRead, y.maturity}, {access.SurveyRead, y.surveys}}
}

// gather asks rooms what is due, the earliest first.
func (y *yearMaker) gather(ctx context.Context, rooms []yearRoom) error {
	for _, room := range rooms {
		if access.Check(ctx, room.act, access.Subject{Site: at}) != nil {
			continue // it says nothing of this room
		}
		if err := room.of(ctx); err != nil {
			return err
		}
	}
	slices.SortStableFunc(y.page.Due, func(a, b web.YearDue) int {
		if a.Day.IsZero() != b.Day.IsZero() {
			if a.Day.IsZero() {
				return 1
			}
			return -1
		}
		return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return nil
}

// due adds something that is due on a day, "" for none.
func (y *yearMaker) due(id, kind, name, on, path string) {
	y.page.Due = append(y.page.Due, web.YearDue{ID: id, Kind: kind, Name: name, Day: day(on), Overdue: on != "" && on < y.today, Path: path})
}

func (y *yearMaker) found(kind string, n, of int, path string, bad bool) {
	y.page.Found = append(y.page.Found, web.YearCount{Kind: kind, N: n, Of: of, Path: path, Bad: bad})
}

// audits are planned for a year, and have actions and re-audits with a day.
func (y *yearMaker) audits(ctx context.Context) error {
	all, err := y.Audits.Cycles(ctx, at, 0)
	if err != nil {
		return err
	}
	templates, err := y.Audits.Templates(ctx, at)
	if err != nil {
		return err
	}
	titles := map[string]string{}
	for i := range templates {
		t := &templates[i]
		titles[t.ID] = strings.TrimSpace(t.ID + " " + cmp.Or(t.Titles[y.p.Tag()], t.Titles[lang.Source]))
	}
	failed, decided := 0, 0
	before := map[string]*audit.Cycle{}
	for i := range all {
		before[all[i].ID] = &all[i]
	}
	for i := range all {
		c := &all[i]
		path, name := "/quality/audits/"+strconv.FormatInt(c.Number, 10), cmp.Or(titles[c.TemplateID], c.TemplateID)+" ("+strconv.FormatInt(c.Number, 10)+")"
		if c.Result != nil && c.Year == y.page.Year {
			decided++
			if c.Result.Decision.Decision == audit.NotMet {
				failed++
			}
		}
		if was := before[c.Follows]; was != nil && was.Result != nil && c.Result != nil {
			ch := web.YearChange{Name: y.p.T("year.audit", lang.Args{"name": cmp.Or(titles[c.TemplateID], c.TemplateID)}), Before: y.counted(was.Result), After: y.counted(c.Result), Path: path, Known: was.Result.Count.N() > 0 && c.Result.Count.N() > 0}
			ch.Better = c.Result.Proportion > was.Result.Proportion
			if c.Result.Direction == audit.Max {
				ch.Better = c.Result.Proportion < was.Result.Proportion
			}
			y.page.Improved = append(y.page.Improved, ch)
		}
		if c.State == audit.Closed {
			continue
		}
		if c.State == audit.ReauditDue && c.ReauditDay != "" {
			y.due(c.ID, "audit_again", name, c.ReauditDay, path)
		} else if c.Result == nil {
			y.due(c.ID, "audit", name, fmt.Sprintf("%d-12-31", c.Year), path)
		}
		actions, err := y.Audits.Actions(ctx, c)
		if err != nil {
			return err
		}
		for _, a := range actions {
			if a.Done == "" {
				y.due(a.ID, "audit_action", name, a.Due, path)
			}
		}
	}
	y.page.Found = append(y.page.Found, web.YearCount{Kind: "audits", N: failed, Of: decided, Path: "/quality/audits", Bad: true})
	return nil
}

// counted writes what an audit counted.
func (y *yearMaker) counted(r *audit.Result) string {
	return y.p.Number(100*r.Proportion, 1) + " % (" + strconv.Itoa(r.Yes) + "/" + strconv.Itoa(r.Count.N()) + ")"
}

// incidents have a clock, and actions.
func (y *yearMaker) incidents(ctx context.Context) error {
	all, err := y.Incidents.List(ctx, at)
	if err != nil {
		return err
	}
	this, last, open := 0, 0, 0
	for i := range all {
		x := &all[i]
		if x.State == incident.Aside {
			continue
		}
		switch x.Year {
		case y.page.Year:
			this++
		case y.page.Year - 1:
			last++
		}
		if x.State == incident.Closed {
			continue
		}
		open++
		path := "/quality/incidents/of/" + x.ID
		if x.Work.NotifiedAt == "" && !x.Work.Due.IsZero() {
			y.due(x.ID, "notify", x.Name(), y.zone.Day(x.Work.Due), path)
		}
		for _, a := range x.Work.Actions {
			if a.Done == "" {
				y.due(a.ID, "incident_action", x.Name(), a.Due, path)
			}
		}
	}
	y.found("incidents", this, 0, "/quality/incidents", false)
	y.found("open_incidents", open, 0, "/quality/incidents", true)
	if this+last > 0 {
		y.page.Improved = append(y.page.Improved, web.YearChange{Name: y.p.T("year.incidents"), Before: strconv.Itoa(last), After: strconv.Itoa(this), Path: "/quality/incidents"})
	}
	return nil
}

// documents are reviewed and approved.
func (y *yearMaker) documents(ctx context.Context) error {
	all, err := y.Documents.List(ctx, at)
	if err != nil {
		return err
	}
	wrong, kept := 0, 0
	for i := range all {
		d := &all[i]
		state := d.State(y.today)
		if state == document.Withdrawn {
			continue
		}
		kept++
		path := "/quality/documents/" + d.ID
		if state == document.Overdue || state == document.Unapproved {
			wrong++
		}
		if r := d.Reviewed(); r != nil && r.Next != "" {
			y.due(d.ID, "document", d.Head.Title, r.Next, path)
		}
		if len(d.Versions) > 0 && d.Versions[0].Approved == "" {
			y.due(d.ID, "approval", d.Head.Title, "", path)
		}
	}
	y.found("documents", wrong, kept, "/quality/documents", true)
	return nil
}

// qualifications end. Whose they are is for the page of people to say.
func (y *yearMaker) qualifications(ctx context.Context) error {
	all, err := y.Qualified.List(ctx, at)
	if err != nil {
		return err
	}
	last := map[string]string{} // day until which somebody holds a kind
	for _, x := range all {
		held := x.Person + " " + x.Kind
		switch {
		case x.Ended:
		case x.Until == "":
			last[held] = "9999-12-31"
		default:
			last[held] = max(last[held], x.Until)
		}
	}
	for _, x := range all {
		if x.Until != "" && !x.Ended && x.Until >= last[x.Person+" "+x.Kind] { // the last of its kind, over or not
			y.due(x.ID, "qualification", y.p.T("people.kind_"+x.Kind), x.Until, "/quality/people")
		}
	}
	return nil
}

// machines are tested, and have contracts.
func (y *yearMaker) machines(ctx context.Context) error {
	b, err := y.Equipment.Board(ctx, at)
	if err != nil {
		return err
	}
	for _, p := range b.Planned {
		if p.Due != "" {
			label := cmp.Or(p.Test.Label[y.p.Tag()], p.Test.Label["en"])
			y.due(p.Device.ID+"-"+p.Test.ID, "test", p.Device.Name+", "+label, p.Due, "/quality/equipment/of/"+p.Device.ID)
		}
	}
	used := 0
	for i := range b.Devices {
		d := &b.Devices[i]
		if d.Status == equipment.Retired {
			continue
		}
		used++
		path := "/quality/equipment/of/" + d.ID
		if d.ContractEnds != "" {
			y.due(d.ID, "contract", d.Name, d.ContractEnds, path)
		}
		if d.Renewal != "" {
			y.due(d.ID, "renewal", d.Name, d.Renewal, path)
		}
	}
	beyond, done := 0, 0
	for _, r := range b.Results {
		if len(r.Done) >= 4 && r.Done[:4] == strconv.Itoa(y.page.Year) {
			done++
			if r.Verdict != equipment.Pass {
				beyond++
			}
		}
	}
	y.found("suspended", len(b.Suspended), used, "/quality/equipment", true)
	y.found("tests", beyond, done, "/quality/equipment/today", false)
	return nil
}

// maturity has a plan of steps, and levels of one assessment after the other.
func (y *yearMaker) maturity(ctx context.Context) error {
	all, err := y.Maturity.List(ctx, at, maturity.Digital)
	if err != nil {
		return err
	}
	var levels []maturity.Assessment
	var model *maturity.Model
	for i := range all {
		a := &all[i]
		path := "/quality/maturity/" + a.ID
		for _, s := range a.Steps {
			if !s.Done && s.Due != "" {
				if model == nil {
					if model, err = maturity.Load(y.Content, at); err != nil {
						return err
					}
				}
				name := s.Item
				if i := model.Indicator(s.Item); i != nil {
					name += " " + i.Text.In(y.p.Tag())
				}
				y.due(a.ID+"-"+s.Item, "roadmap", name, s.Due, path)
			}
		}
		if a.Frozen != nil && a.Frozen.Result != nil {
			levels = append(levels, *a)
		}
	}
	slices.SortFunc(levels, func(a, b maturity.Assessment) int { return cmp.Compare(a.Day, b.Day) })
	if n := len(levels); n > 1 {
		was, now := levels[n-2].Frozen.Result.Level, levels[n-1].Frozen.Result.Level
		y.page.Improved = append(y.page.Improved, web.YearChange{
			Name: y.p.T("year.level"), Before: strconv.Itoa(was), After: strconv.Itoa(now), Known: true, Better: now > was, Path: "/quality/maturity/" + levels[n-1].ID,
		})
	}
	return nil
}

// surveys close.
func (y *yearMaker) surveys(ctx context.Context) error {
	all, err := y.Surveys.Surveys(ctx, at)
	for _, s := range all {
		if s.State == survey.Open && s.Plan.Closes != "" {
			y.due(s.ID, "survey", s.Plan.Title, s.Plan.Closes, "/quality/surveys/of/"+s.ID)
		}
	}
	return err
}

type qualityYearCmd struct {
	Due      qualityDueCmd      `cmd:"" help:"List what is due of the quality programme."`
	Calendar qualityCalendarCmd `cmd:"" help:"Print what is due as a calendar file."`
}

type qualityDueCmd struct {
	settings
	Until string `placeholder:"DAY" help:"Only what is due until this day, such as 2027-03-31."`
	JSON  bool   `name:"json" help:"Print an array with one element for each."`
}

func (qualityDueCmd) Help() string {
	return `Lists what is due of audits, documents, qualifications, machines, incidents, the plan of the maturity assessment and
surveys, the first due first; what is over is marked. What has no day, such as an approval, comes last, and not with --until.
No person is named.

Example:

    radagora quality due --until 2027-03-31 --data /var/lib/radagora`
}

// Run prints it.
func (c qualityDueCmd) Run(ctx context.Context, sys *system) error {
	until, err := dueDay(c.Until)
	if err != nil {
		return err
	}
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		all, err := h.dueUntil(ctx, until)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(sys.Out, all)
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "UNTIL\tSTATE\tWHAT")
		for _, d := range all {
			state := ""
			if d.Overdue {
				state = "overdue"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", cmp.Or(d.Until, "-"), state, d.Text)
		}
		return w.Flush()
	})
}

type qualityCalendarCmd struct{ settings }

func (qualityCalendarCmd) Help() string {
	return `Prints what is due on a day as an iCalendar file (RFC 5545) that calendars import. No person is named.

Example:

    radagora quality calendar --data /var/lib/radagora > quality.ics`
}

// Run prints it.
func (c qualityCalendarCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.IncidentReport); err != nil {
			return err
		}
		p, err := english()
		if err != nil {
			return err
		}
		pg, err := h.year(ctx, p)
		if err != nil {
			return err
		}
		return icalendar.Write(sys.Out, "Radagora//quality", h.Now(), pg.Events(p))
	})
}

// An apiDue is something that is to be done.
type apiDue struct {
	ID      string `json:"id" doc:"the same whenever it is the same"`
	Kind    string `json:"kind" enum:"audit,audit_again,audit_action,document,approval,qualification,test,contract,renewal,notify,incident_action,roadmap,survey"`
	Text    string `json:"text" doc:"in English, without a person"`
	Until   string `json:"until,omitempty" doc:"day; left out where there is none"`
	Overdue bool   `json:"overdue,omitempty"`
	Path    string `json:"path" doc:"of its page"`
}

// dueDay reads a day, "" for none.
func dueDay(s string) (string, error) {
	if s != "" && day(s).IsZero() {
		return "", fault.Errorf(fault.Invalid, "until: a day such as 2027-03-31")
	}
	return s, nil
}

// english prints for programs.
func english() (*lang.Printer, error) {
	c, err := lang.Open()
	if err != nil {
		return nil, err
	}
	return c.Printer(lang.Source), nil
}

// dueUntil returns what is due until a day, "" for all.
func (h *house) dueUntil(ctx context.Context, until string) ([]apiDue, error) {
	if err := may(ctx, access.IncidentReport); err != nil {
		return nil, err
	}
	p, err := english()
	if err != nil {
		return nil, err
	}
	pg, err := h.year(ctx, p)
	if err != nil {
		return nil, err
	}
	all := []apiDue{}
	for _, d := range pg.Due {
		x := apiDue{ID: d.Kind + "-" + d.ID, Kind: d.Kind, Text: web.DueText(p, d), Overdue: d.Overdue, Path: d.Path}
		if !d.Day.IsZero() {
			x.Until = d.Day.Format(time.DateOnly)
		}
		if until == "" || x.Until != "" && x.Until <= until {
			all = append(all, x)
		}
	}
	return all, nil
}

// programme registers what programs may know of the quality programme.
func (d *apiDoor) programme() {
	a := programmeAPI{d.house}
	operate(d, op{
		act: access.IncidentReport, call: "GET /quality/due", id: "list-quality-due", group: "Quality",
		summary: "What is due of the quality programme, the first due first",
		text:    "Audits, documents, qualifications, machines, incidents, the plan of the maturity assessment and surveys, as far as the account may read their registers. No person is named.",
	}, a.due)
}

// programmeAPI answers programs about the quality programme.
type programmeAPI struct{ *house }

type listDue struct {
	Paging
	Until string `query:"until" maxLength:"10" doc:"only what is due until this day"`
}

func (a programmeAPI) due(ctx context.Context, in *listDue) (*apiPage[apiDue], error) {
	until, err := dueDay(in.Until)
	if err != nil {
		return nil, err
	}
	all, err := a.dueUntil(ctx, until)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, in.Paging, all, func(x apiDue) string { return x.ID }, func(x apiDue) apiDue { return x })
}
