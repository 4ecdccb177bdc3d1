package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/evidence"
	"radagora/export"
	"radagora/fault"
	"radagora/fhir"
	"radagora/form"
	"radagora/lang"
	"radagora/web"
	"radagora/web/face"
)

// A formView answers the pages of forms.
type formView struct{ *view }

var _ web.Forms = formView{}

// openResponse returns a response to those who may see what it is about.
func (h *house) openResponse(ctx context.Context, act access.Act, id string) (form.Response, *form.Session, error) {
	r, s, err := h.Forms.Response(ctx, at, id)
	if err != nil {
		return r, nil, err
	}
	return r, s, h.mayResponse(ctx, act, r)
}

// mayResponse asks whether somebody may see or change answers; those about a patient only
// who may see the patient.
func (h *house) mayResponse(ctx context.Context, act access.Act, r form.Response) error {
	if err := access.Check(ctx, act, access.Subject{Site: at}); err != nil {
		return err
	}
	if r.Person == "" {
		return nil
	}
	return access.Check(ctx, access.IdentityRead, access.Subject{Site: at, Person: r.Person})
}

// draftWording reports whether a form says of itself that its wording was not checked.
func draftWording(r fhir.Resource) bool {
	is, _ := r.Get("experimental").Bool()
	return is
}

func formHead(v form.Version, language string) web.FormHead {
	return web.FormHead{
		URL: v.URL, Version: v.Version, Title: cmp.Or(translation(v.Resource.Get("title"), language), v.Title), State: v.State, Shipped: v.Shipped,
		Draft: v.Resource.Type() != "" && draftWording(v.Resource), At: v.MadeAt,
	}
}

// translation returns a text of a resource in a language, "" if it has none in it.
func translation(v fhir.Value, language string) string {
	for x := range v.Each("extension") {
		var in, text string
		for part := range x.Each("extension") {
			switch part.Get("url").Text() {
			case "lang":
				in = part.Get("value[x]").Text()
			case "content":
				text = part.Get("value[x]").Text()
			}
		}
		if in == language {
			return text
		}
	}
	return ""
}

// Forms implements web.Forms.
func (v formView) Forms(ctx context.Context, language string) (pg web.FormsPage, err error) {
	versions, err := v.house.Forms.Versions(ctx, at)
	if err != nil {
		return pg, err
	}
	responses, err := v.house.Forms.Responses(ctx, at, "", "")
	if err != nil {
		return pg, err
	}
	names, err := v.accountNames(ctx)
	if err != nil {
		return pg, err
	}
	answers := map[[2]string]int{}
	for _, r := range responses {
		answers[[2]string{r.URL, r.Version}]++
		if v.mayResponse(ctx, access.FormRead, r) == nil {
			pg.Responses = append(pg.Responses, formAnswers(r, names))
		}
	}
	for _, f := range versions {
		head := formHead(f, language)
		head.Answers = answers[[2]string{f.URL, f.Version}]
		pg.Versions = append(pg.Versions, head)
	}
	return pg, nil
}

func formAnswers(r form.Response, names map[string]string) web.FormAnswers {
	return web.FormAnswers{
		ID: r.ID, Title: r.Title, Version: r.Version, State: r.State, By: cmp.Or(names[r.OpenedBy], r.OpenedBy), SignedBy: cmp.Or(names[r.SignedBy], r.SignedBy),
		Answered: r.Answered, Asked: r.Asked, SavedAt: r.SavedAt,
	}
}

// StartForm implements web.Forms.
func (v formView) StartForm(ctx context.Context, who web.Person, url, version, title string) (string, error) {
	r, _, err := v.house.Forms.Start(ctx, at, form.Start{URL: url, Version: version, Title: title, By: who.ID})
	return r.ID, err
}

// FormSheet implements web.Forms.
func (v formView) FormSheet(ctx context.Context, language, id string) (web.FormSheet, error) {
	r, s, err := v.openResponse(ctx, access.FormRead, id)
	if err != nil {
		return web.FormSheet{}, err
	}
	return v.sheet(ctx, language, r, s, "")
}

// A drawer makes questions ready to be shown.
type formDrawer struct {
	language string
	p        *lang.Printer
	names    map[string]string
	facts    map[string]evidence.Value
	meaning  func(string) string
	gaps     map[*form.Node][]web.FormGap
}

// spoken is the language of a form that comes next to that of whoever looks.
func spoken(d *form.Definition, language string) string {
	if slices.Contains(d.Languages, language) {
		return language
	}
	return ""
}

// sheet makes the page of a response, or of one group of it.
func (v formView) sheet(ctx context.Context, language string, r form.Response, s *form.Session, group string) (web.FormSheet, error) {
	names, err := v.accountNames(ctx)
	if err != nil {
		return web.FormSheet{}, err
	}
	_, version, err := v.house.Forms.Form(ctx, at, r.URL, r.Version)
	if err != nil {
		return web.FormSheet{}, err
	}
	facts := r.Measured
	if facts == nil {
		if facts, err = v.house.Forms.Measured(ctx, at, s.Definition); err != nil {
			return web.FormSheet{}, err
		}
	}
	gaps, err := s.Gaps(ctx)
	if err != nil {
		return web.FormSheet{}, err
	}
	d := v.drawer(language, s.Definition, names, facts)
	out := web.FormSheet{
		FormAnswers: formAnswers(r, names), URL: r.URL, Draft: draftWording(version.Resource), Private: r.Person != "", Revision: r.Revision, Languages: s.Languages,
		Open: r.State == form.InProgress || r.State == form.Amended,
	}
	for _, g := range gaps {
		d.gaps[g.Node] = append(d.gaps[g.Node], web.FormGap{Rule: g.Rule, Want: g.Want, Minor: g.Minor})
		if !g.Minor {
			out.Missing++
		}
	}
	nodes := s.Nodes
	if group != "" {
		nodes = under(nodes, group)
	}
	out.Nodes = d.nodes(nodes)
	for _, it := range s.All() {
		out.Files = out.Files || it.Type == form.Attachment
		if it.Type == form.Group {
			out.Groups = append(out.Groups, face.Choice{Code: it.LinkID, Label: it.Text(d.language)})
		}
	}
	if group != "" || r.ID == "" {
		return out, nil
	}
	return out, v.beside(ctx, r, s, d, &out)
}

// drawer makes a drawer for a form.
func (v formView) drawer(language string, def *form.Definition, names map[string]string, facts map[string]evidence.Value) formDrawer {
	return formDrawer{
		language: spoken(def, language), p: v.catalogue.Printer(language), names: names, facts: facts, gaps: map[*form.Node][]web.FormGap{},
		meaning: func(id string) string { d, _ := v.Evidence.Definition(id); return d.Meaning },
	}
}

// under returns the nodes of a group.
func under(nodes []*form.Node, group string) (all []*form.Node) {
	for _, n := range nodes {
		if n.Item.LinkID == group {
			all = append(all, n)
			continue
		}
		all = append(all, under(n.Nodes, group)...)
		for _, a := range n.Answers {
			all = append(all, under(a.Nodes, group)...)
		}
	}
	return all
}

// beside fills in who did what, and the links that were given away.
func (v formView) beside(ctx context.Context, r form.Response, s *form.Session, d formDrawer, out *web.FormSheet) error {
	done, err := v.house.Forms.History(ctx, at, r.ID)
	if err != nil {
		return err
	}
	links, err := v.house.Forms.Delegations(ctx, at, r.ID)
	if err != nil {
		return err
	}
	for _, g := range links {
		d.names["link:"+g.ID] = g.Name
		x := web.FormDelegation{ID: g.ID, Name: g.Name, Until: g.Until, Ended: !g.Withdrawn.IsZero() || !v.Now().Before(g.Until)}
		if it := s.Item(g.LinkID); it != nil {
			x.Group = it.Text(d.language)
		}
		out.Delegations = append(out.Delegations, x)
	}
	for _, x := range slices.Backward(done) {
		if len(out.Done) == 200 {
			break
		}
		y := web.FormDone{Path: x.Path, What: x.What, By: d.who(x.By), Reason: x.Reason, At: x.At}
		if n := s.Find(x.Path); x.Path != "" && n != nil {
			y.Text = n.Item.Text(d.language)
		}
		out.Done = append(out.Done, y)
	}
	out.Nodes = d.nodes(s.Nodes) // by now with the names of those who have links
	return nil
}

// who names somebody.
func (d formDrawer) who(id string) string {
	if fact, ok := strings.CutPrefix(id, "evidence:"); ok {
		return fact
	}
	if strings.HasPrefix(id, "link:") && d.names[id] == "" {
		return d.p.T("form.by_link")
	}
	return cmp.Or(d.names[id], id)
}

// nodes makes questions ready.
func (d formDrawer) nodes(nodes []*form.Node) (all []web.FormNode) {
	times := map[*form.Item]int{}
	for _, n := range nodes {
		times[n.Item]++
	}
	seen := map[*form.Item]int{}
	for _, n := range nodes {
		seen[n.Item]++
		if !n.Enabled() || n.Item.Hidden {
			continue
		}
		x := d.node(n)
		if it := n.Item; it.Type == form.Group && it.Repeats {
			x.Times = seen[it]
			x.More = seen[it] == times[it] && (it.MaxOccurs == 0 || times[it] < it.MaxOccurs)
			x.Less = times[it] > 1
		}
		all = append(all, x)
	}
	return all
}

func (d formDrawer) node(n *form.Node) web.FormNode {
	it := n.Item
	x := web.FormNode{
		Path: n.Path(), LinkID: it.LinkID, Type: string(it.Type), Prefix: it.Prefix, Text: it.Text(d.language), Required: it.Required, Repeats: it.Repeats,
		ReadOnly: it.ReadOnly || it.Calculated != nil, Control: it.Control, Gaps: d.gaps[n], Nodes: d.nodes(n.Nodes),
	}
	for i, o := range it.Options {
		x.Options = append(x.Options, web.FormOption{Code: strconv.Itoa(i), Label: o.Text(d.language)})
	}
	for _, u := range it.Units {
		code := u.Get("code").Text()
		x.Units = append(x.Units, face.Choice{Code: code, Label: cmp.Or(u.Get("display").Text(), code)})
	}
	measured := false
	for _, a := range n.Answers {
		typed, shown := d.answer(it, a)
		x.Texts, x.Shown = append(x.Texts, typed), append(x.Shown, shown)
		_, by := a.Measured()
		measured = measured || by
		if name := d.who(a.By); name != "" && !by && !slices.Contains(x.By, name) {
			x.By = append(x.By, name)
		}
		x.Nodes = append(x.Nodes, d.nodes(a.Nodes)...)
	}
	if it.Fact == "" {
		return x
	}
	v := d.facts[it.Fact]
	agrees, known := n.Agrees(v)
	x.Measured = &web.FormMeasured{
		Fact: it.Fact, Meaning: d.meaning(it.Fact), Value: form.Shown(v), Unit: strings.Replace(v.Unit, "percent", "%", 1), State: cmp.Or(string(v.State), string(evidence.NotConnected)),
		N: v.N, AsOf: v.Provenance.AsOf, Fits: v.State == evidence.Known && it.Takes(v) && (!known || !agrees || !measured), Differs: known && !agrees,
	}
	switch {
	case len(n.Answers) == 0:
	case measured:
		x.Marked = "measured"
	default:
		x.Marked = "declared"
	}
	return x
}

// answer writes an answer as it is typed and as it is read.
func (d formDrawer) answer(it *form.Item, a *form.Answer) (typed, shown string) {
	if i := it.Chosen(a); i >= 0 {
		return strconv.Itoa(i), it.Options[i].Text(d.language)
	}
	text := a.Value.Text()
	switch a.Name {
	case "valueBoolean":
		if text == "true" {
			return text, d.p.T("form.yes")
		}
		return text, d.p.T("form.no")
	case "valueQuantity":
		number, unit := a.Value.Get("value").Text(), a.Value.Get("code").Text()
		return strings.TrimSpace(number + " " + unit), strings.TrimSpace(number + " " + cmp.Or(a.Value.Get("unit").Text(), unit))
	case "valueAttachment":
		size, _ := a.Value.Get("size").Int()
		return "", fmt.Sprintf("%s (%s, %d B)", a.Value.Get("title").Text(), a.Value.Get("contentType").Text(), size)
	case "valueReference":
		return "", cmp.Or(a.Value.Get("display").Text(), a.Value.Get("reference").Text())
	case "valueCoding":
		return "", cmp.Or(a.Value.Get("display").Text(), a.Value.Get("code").Text())
	}
	if it.Type == form.OpenChoice {
		return "=" + text, text
	}
	return text, text
}

// edits makes edits of what a page sent.
func formEdits(list []web.FormEdit) (all []form.Edit) {
	for _, e := range list {
		x := form.Edit{Path: e.Path, What: e.What, Texts: e.Texts}
		if e.File != nil {
			x.Attached = []*form.Answer{form.File(e.FileName, e.FileType, base64.StdEncoding.EncodeToString(e.File), len(e.File))}
		}
		all = append(all, x)
	}
	return all
}

// saved tells what became of edits.
func (v formView) saved(ctx context.Context, language string, s form.Saved, session *form.Session, group string) (web.FormSaved, error) {
	sheet, err := v.sheet(ctx, language, s.Response, session, group)
	if err != nil {
		return web.FormSaved{}, err
	}
	names, err := v.accountNames(ctx)
	if err != nil {
		return web.FormSaved{}, err
	}
	out := web.FormSaved{Sheet: sheet, Refused: map[string]string{}}
	for _, c := range s.Clashes {
		who := cmp.Or(names[c.By], c.By)
		if group != "" || strings.HasPrefix(c.By, "link:") {
			who = v.catalogue.Printer(language).T("form.somebody")
		}
		out.Clashes = append(out.Clashes, web.FormClash{Path: c.Path, By: who, At: c.At})
	}
	for path, why := range s.Refused {
		out.Refused[path] = why.Error()
	}
	return out, nil
}

// SaveForm implements web.Forms.
func (v formView) SaveForm(ctx context.Context, language string, who web.Person, id string, revision int, edits []web.FormEdit) (web.FormSaved, error) {
	if _, _, err := v.openResponse(ctx, access.FormAnswer, id); err != nil {
		return web.FormSaved{}, err
	}
	s, session, err := v.house.Forms.Save(ctx, at, id, revision, formEdits(edits), "", who.ID)
	if err != nil {
		return web.FormSaved{}, err
	}
	return v.saved(ctx, language, s, session, "")
}

// TurnForm implements web.Forms.
func (v formView) TurnForm(ctx context.Context, who web.Person, id, do, reason string) error {
	if _, _, err := v.openResponse(ctx, access.FormAnswer, id); err != nil {
		return err
	}
	return v.turnForm(ctx, who.ID, id, do, reason)
}

// turnForm signs, opens again or stops answers.
func (h *house) turnForm(ctx context.Context, by, id, do, reason string) (err error) {
	switch do {
	case "sign":
		_, err = h.Forms.Sign(ctx, at, id, by)
	case "amend":
		_, err = h.Forms.Amend(ctx, at, id, reason, by)
	case "stop":
		_, err = h.Forms.Stop(ctx, at, id, by)
	default:
		err = fault.Errorf(fault.Invalid, "sign, amend or stop")
	}
	return err
}

// DelegateForm implements web.Forms.
func (v formView) DelegateForm(ctx context.Context, who web.Person, id, group, name string, days int) (string, error) {
	if _, _, err := v.openResponse(ctx, access.FormAnswer, id); err != nil {
		return "", err
	}
	if days < 1 || days > 366 {
		return "", fault.Errorf(fault.Invalid, "a link lasts 1 to 366 days")
	}
	secret, _, err := v.house.Forms.Delegate(ctx, form.Delegation{Site: at, Response: id, LinkID: group, Name: name, GivenBy: who.ID, Until: v.Now().AddDate(0, 0, days)})
	return secret, err
}

// WithdrawForm implements web.Forms.
func (v formView) WithdrawForm(ctx context.Context, who web.Person, id, delegation string) error {
	if _, _, err := v.openResponse(ctx, access.FormAnswer, id); err != nil {
		return err
	}
	all, err := v.house.Forms.Delegations(ctx, at, id)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(g form.Delegation) bool { return g.ID == delegation }) {
		return notFound("link")
	}
	return v.house.Forms.Withdraw(ctx, at, delegation, who.ID)
}

// LinkSheet implements web.Forms.
func (v formView) LinkSheet(ctx context.Context, language, secret string) (web.FormSheet, error) {
	g, err := v.house.Forms.Delegated(ctx, secret)
	if err != nil {
		return web.FormSheet{}, err
	}
	r, s, err := v.house.Forms.Response(ctx, g.Site, g.Response)
	if err != nil {
		return web.FormSheet{}, err
	}
	return v.linked(ctx, language, r, s, g)
}

// linked is the sheet of a link: its group, with nothing of what else was answered, and
// by nobody.
func (v formView) linked(ctx context.Context, language string, r form.Response, s *form.Session, g form.Delegation) (web.FormSheet, error) {
	sheet, err := v.sheet(ctx, language, r, s, g.LinkID)
	if err != nil {
		return sheet, err
	}
	return v.bare(ctx, language, sheet, r)
}

// bare takes away what whoever has a link is not to know.
func (v formView) bare(ctx context.Context, language string, sheet web.FormSheet, r form.Response) (web.FormSheet, error) {
	_, version, err := v.house.Forms.Form(ctx, at, r.URL, r.Version)
	if err != nil {
		return sheet, err
	}
	sheet.Title = formHead(version, language).Title
	sheet.ID, sheet.By, sheet.SignedBy, sheet.Done, sheet.Delegations, sheet.Groups = "", "", "", nil, nil, nil
	sheet.Answered, sheet.Asked = 0, 0
	var strip func([]web.FormNode)
	strip = func(nodes []web.FormNode) {
		for i := range nodes {
			n := &nodes[i]
			n.By, n.Measured, n.Marked = nil, nil, ""
			if n.Type != "group" && n.Type != "display" && !n.ReadOnly {
				sheet.Asked++
				if len(n.Texts) > 0 {
					sheet.Answered++
				}
			}
			strip(n.Nodes)
		}
	}
	strip(sheet.Nodes)
	return sheet, nil
}

// SaveLink implements web.Forms.
func (v formView) SaveLink(ctx context.Context, language, secret string, revision int, edits []web.FormEdit) (web.FormSaved, error) {
	g, err := v.house.Forms.Delegated(ctx, secret)
	if err != nil {
		return web.FormSaved{}, err
	}
	edits = slices.DeleteFunc(edits, func(e web.FormEdit) bool { return e.What == "measured" })
	s, session, err := v.house.Forms.Save(ctx, g.Site, g.Response, revision, formEdits(edits), g.LinkID, "link:"+g.ID)
	if err != nil {
		return web.FormSaved{}, err
	}
	group := g.LinkID
	out, err := v.saved(ctx, language, s, session, group)
	if err != nil {
		return out, err
	}
	out.Sheet, err = v.bare(ctx, language, out.Sheet, s.Response)
	return out, err
}

// FormVersion implements web.Forms.
func (v formView) FormVersion(ctx context.Context, language, url, version, older string) (web.FormVersion, error) {
	def, f, err := v.house.Forms.Form(ctx, at, url, version)
	if err != nil {
		return web.FormVersion{}, err
	}
	out := web.FormVersion{FormHead: formHead(f, language), JSON: onLines(f.Resource), Asks: true}
	_, problems := form.Parse(f.Resource)
	out.Problems = formProblems(problems)
	all, err := v.house.Forms.Versions(ctx, at)
	if err != nil {
		return out, err
	}
	for _, x := range all {
		if x.URL == url && x.Version != version {
			out.Others = append(out.Others, x.Version)
		}
	}
	if older != "" {
		was, _, err := v.house.Forms.Form(ctx, at, url, older)
		if err != nil {
			return out, err
		}
		for _, c := range form.Diff(was, def) {
			out.Changes = append(out.Changes, web.FormChange(c))
		}
	}
	out.Nodes, err = v.preview(ctx, language, def)
	return out, err
}

// preview draws the questions of a form that nobody answered.
func (v formView) preview(ctx context.Context, language string, def *form.Definition) ([]web.FormNode, error) {
	s, err := v.house.Forms.Try(ctx, at, def)
	if err != nil {
		return nil, err
	}
	return v.drawer(language, def, map[string]string{}, nil).nodes(s.Nodes), nil
}

func formProblems(list []form.Problem) (all []web.FormProblem) {
	for _, p := range list {
		all = append(all, web.FormProblem{LinkID: p.LinkID, Rule: p.Rule, Detail: p.Detail, Minor: p.Minor})
	}
	return all
}

// PutForm implements web.Forms.
func (v formView) PutForm(ctx context.Context, who web.Person, text []byte) (web.FormVersion, error) {
	f, problems, err := v.house.Forms.Put(ctx, at, text, who.ID)
	return web.FormVersion{FormHead: formHead(f, ""), Problems: formProblems(problems)}, err
}

// PublishForm implements web.Forms.
func (v formView) PublishForm(ctx context.Context, who web.Person, url, version, state string) error {
	return v.house.Forms.Publish(ctx, at, url, version, state, who.ID)
}

// FormFile implements web.Forms.
func (v formView) FormFile(ctx context.Context, w io.Writer, language, id, format string) error {
	r, s, err := v.openResponse(ctx, access.FormRead, id)
	if err != nil {
		return err
	}
	if format == "json" {
		resource, err := formResource(r, s, spoken(s.Definition, language))
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, onLines(resource))
		return err
	}
	sheet, err := v.sheet(ctx, language, r, s, "")
	if err != nil {
		return err
	}
	p := v.catalogue.Printer(language)
	line := p.T("form.version", lang.Args{"version": r.Version}) + " · " + p.T("form.state_"+r.State)
	if r.SignedBy != "" {
		line += " · " + p.T("form.signed", lang.Args{"who": sheet.SignedBy, "at": r.SignedAt.In(v.zone(ctx))})
	}
	doc := export.Document{
		Title: r.Title, Language: p.Tag(), Made: v.Now(), Producer: "radagora " + versionText(), Foot: []string{r.Title + " · " + line},
		Page:   func(k, n int) string { return p.T("report.page", lang.Args{"k": k, "n": n}) },
		Blocks: []export.Block{export.Heading{Level: 1, Text: r.Title}, export.Paragraph{Text: line}},
	}
	doc.Blocks = append(doc.Blocks, printedNodes(p, sheet.Nodes, 2)...)
	return export.PDF(w, doc)
}

// printedNodes are questions with their answers on paper: a table for the questions that
// follow each other, a heading for each group.
func printedNodes(p *lang.Printer, nodes []web.FormNode, level int) (all []export.Block) {
	grid := func() export.Grid {
		return export.Grid{Columns: []export.GridColumn{{Label: p.T("form.question"), Share: 5}, {Label: p.T("form.answer"), Share: 4}, {Label: p.T("form.who"), Share: 2}}}
	}
	now := grid()
	flush := func() {
		if len(now.Rows) > 0 {
			all = append(all, now)
			now = grid()
		}
	}
	for _, n := range nodes {
		switch n.Type {
		case "group":
			flush()
			title := strings.TrimSpace(n.Prefix + " " + n.Text)
			if n.Times > 0 {
				title += " " + strconv.Itoa(n.Times)
			}
			all = append(all, export.Heading{Level: min(level, 3), Text: cmp.Or(title, n.LinkID)})
			all = append(all, printedNodes(p, n.Nodes, level+1)...)
		case "display":
			flush()
			all = append(all, export.Paragraph{Text: n.Text, Soft: true})
		default:
			answer := cmp.Or(strings.Join(n.Shown, "; "), "–")
			if n.Marked != "" {
				answer += " (" + p.T("form.marked_"+n.Marked) + ")"
			}
			now.Rows = append(now.Rows, []string{strings.TrimSpace(n.Prefix + " " + n.Text), answer, strings.Join(n.By, ", ")})
			for _, below := range n.Nodes {
				if below.Type != "group" && below.Type != "display" {
					now.Rows = append(now.Rows, []string{"– " + below.Text, strings.Join(below.Shown, "; "), strings.Join(below.By, ", ")})
				}
			}
		}
	}
	flush()
	return all
}

// formResource writes a response as FHIR has it.
func formResource(r form.Response, s *form.Session, language string) (fhir.Resource, error) {
	status := map[string]string{form.InProgress: "in-progress", form.Completed: "completed", form.Amended: "amended", form.Stopped: "stopped"}[r.State]
	return s.Response(form.Heading{ID: r.ID, Status: status, Authored: r.SavedAt.UTC().Truncate(time.Second)}, language)
}
