package main

import (
	"cmp"
	"context"
	"strconv"

	"radagora/access"
	"radagora/audit/document"
	"radagora/audit/qualification"
	"radagora/fault"
	"radagora/finding"
	"radagora/lang"
	"radagora/web"
	"radagora/web/face"
)

// A documentView answers the pages of documents.
type documentView struct{ *view }

var _ web.Documents = documentView{}

// choices are what a head can be made of.
func (v documentView) choices(ctx context.Context, language string) (c web.DocumentChoices, err error) {
	say := func(key string) string { return v.catalogue.Printer(language).T(key) }
	for _, k := range document.Kinds() {
		c.Kinds = append(c.Kinds, face.Choice{Code: k, Label: say("document.kind_" + k)})
	}
	for _, t := range document.Topics() {
		c.Topics = append(c.Topics, face.Choice{Code: t, Label: say("document.topic_" + t)})
	}
	for _, r := range document.Roles() {
		c.Readers = append(c.Readers, face.Choice{Code: string(r), Label: say("role." + string(r))})
	}
	p, err := v.plan(ctx)
	if err != nil {
		return c, err
	}
	for _, room := range p.Rooms {
		c.Rooms = append(c.Rooms, face.Choice{Code: room.ID, Label: p.ref(room.ID).Name})
	}
	c.Exams = (&words{v.Content}).choices("dose/exam", "exam_code", "", language)
	templates, err := v.Audits.Templates(ctx, at)
	if err != nil {
		return c, err
	}
	for i := range templates {
		t := &templates[i]
		c.Audits = append(c.Audits, face.Choice{Code: t.ID, Label: t.ID + " · " + cmp.Or(t.Titles[language], t.Titles["en"])})
	}
	duties, err := v.Content.Table(at, "law/duty", "duties")
	if err != nil {
		return c, err
	}
	for row := range duties.All() {
		id := row.Text("id")
		words := row.Text("requirement_en")
		if duties.Has("requirement_" + language) {
			words = cmp.Or(row.Text("requirement_"+language), words)
		}
		c.Duties = append(c.Duties, face.Choice{Code: id, Label: id + " · " + words})
	}
	return c, nil
}

// documentLine is a document in the register, as of a day.
func documentLine(d *document.Document, today string) web.DocumentLine {
	l := web.DocumentLine{ID: d.ID, Title: d.Head.Title, Kind: d.Head.Kind, Owner: d.Head.Owner, State: d.State(today), Number: d.Number}
	if v := d.InForce(); v != nil {
		l.Version = v.Label
	}
	if r := d.Reviewed(); r != nil {
		l.Next = day(r.Next)
	}
	return l
}

// Documents implements web.Documents.
func (v documentView) Documents(ctx context.Context, language string) (pg web.DocumentsPage, err error) {
	if pg.Choices, err = v.choices(ctx, language); err != nil {
		return pg, err
	}
	here, err := v.Sites.Site(ctx, at)
	if err != nil {
		return pg, err
	}
	today := here.Day(v.Now())
	all, err := v.house.Documents.List(ctx, at)
	if err != nil {
		return pg, err
	}
	me := access.From(ctx).ID
	for i := range all {
		d := &all[i]
		l := documentLine(d, today)
		pg.Lines = append(pg.Lines, l)
		switch l.State {
		case document.Current:
			pg.Current++
		case document.Overdue:
			pg.Overdue++
		case document.Unapproved:
			pg.Unapproved++
		}
		if d.Withdrawn {
			continue
		}
		readings, err := v.house.Documents.Readings(ctx, at, d)
		if err != nil {
			return pg, err
		}
		for _, r := range readings {
			if r.Account == me && r.At.IsZero() {
				pg.ToRead++
			}
		}
	}
	return pg, nil
}

// Document implements web.Documents.
func (v documentView) Document(ctx context.Context, language, id string, who web.Person) (pg web.DocumentPage, err error) {
	d, err := v.house.Documents.Find(ctx, at, id)
	if err != nil {
		return pg, err
	}
	if pg.Choices, err = v.choices(ctx, language); err != nil {
		return pg, err
	}
	here, err := v.Sites.Site(ctx, at)
	if err != nil {
		return pg, err
	}
	names, err := v.accountNames(ctx)
	if err != nil {
		return pg, err
	}
	name := func(account string) string { return cmp.Or(names[account], account) }
	h := d.Head
	pg.DocumentLine = documentLine(d, here.Day(v.Now()))
	pg.Head = web.DocumentHead{Title: h.Title, Kind: h.Kind, Topic: h.Topic, Owner: h.Owner, HighDose: h.HighDose, Rooms: h.Rooms, Audits: h.Audits, Duties: h.Duties, Exam: h.Exams}
	for _, r := range h.Readers {
		pg.Head.Readers = append(pg.Head.Readers, string(r))
	}
	if force := d.InForce(); force != nil {
		pg.InForce = force.Number
	}
	for _, x := range d.Versions {
		w := web.DocumentVersion{Number: x.Number, Label: x.Label, Change: x.Change, Link: x.Link, File: x.File, Media: x.Media, Digest: x.Digest, Bytes: x.Bytes, By: name(x.By), Day: day(x.Day)}
		if x.Approved != "" {
			w.Approved, w.ApprovedOn = name(x.Approved), day(x.OKDay)
		}
		pg.Versions = append(pg.Versions, w)
	}
	pg.Own = len(d.Versions) > 0 && d.Versions[0].By == who.ID
	for _, r := range d.Reviews {
		pg.Reviews = append(pg.Reviews, web.DocumentReview{Version: r.Version, Day: day(r.Day), Next: day(r.Next), Expert: r.Expert, Note: r.Note, By: name(r.By)})
	}
	readings, err := v.house.Documents.Readings(ctx, at, d)
	for _, r := range readings {
		pg.Read = pg.Read || r.Account == who.ID && !r.At.IsZero()
		pg.Readings = append(pg.Readings, web.DocumentReading{Name: name(r.Account), At: r.At})
	}
	return pg, err
}

// DocumentKeep implements web.Documents.
func (v documentView) DocumentKeep(ctx context.Context, by web.Person, id string, h web.DocumentHead) (string, error) {
	head := document.Head{Title: h.Title, Kind: h.Kind, Topic: h.Topic, Owner: h.Owner, HighDose: h.HighDose, Rooms: h.Rooms, Audits: h.Audits, Duties: h.Duties, Exams: h.Exam}
	for _, r := range h.Readers {
		head.Readers = append(head.Readers, access.Role(r))
	}
	d, err := v.house.Documents.Keep(ctx, at, by.ID, id, head)
	if err != nil {
		return "", err
	}
	return d.ID, nil
}

// DocumentAdd implements web.Documents.
func (v documentView) DocumentAdd(ctx context.Context, by web.Person, id string, d web.DocumentDraft) error {
	_, err := v.house.Documents.Add(ctx, at, by.ID, id, document.Draft{Label: d.Label, Change: d.Change, Link: d.Link, File: document.File{Name: d.Name, Bytes: d.Raw}})
	return err
}

// DocumentApprove implements web.Documents.
func (v documentView) DocumentApprove(ctx context.Context, by web.Person, id string, version int64, next string) error {
	_, err := v.house.Documents.Approve(ctx, at, by.ID, id, version, next)
	return err
}

// DocumentReview implements web.Documents.
func (v documentView) DocumentReview(ctx context.Context, by web.Person, id, next, note string, expert bool) error {
	_, err := v.house.Documents.Review(ctx, at, by.ID, id, next, expert, note)
	return err
}

// DocumentRead implements web.Documents.
func (v documentView) DocumentRead(ctx context.Context, by web.Person, id string, version int64) error {
	return v.house.Documents.Read(ctx, at, by.ID, id, version)
}

// DocumentWithdraw implements web.Documents.
func (v documentView) DocumentWithdraw(ctx context.Context, by web.Person, id string, withdrawn bool) error {
	return v.house.Documents.Withdraw(ctx, at, by.ID, id, withdrawn)
}

// DocumentFile implements web.Documents.
func (v documentView) DocumentFile(ctx context.Context, id string, version int64) (name, media string, raw []byte, err error) {
	f, err := v.house.Documents.Open(ctx, at, id, version)
	return f.Name, f.Media, f.Bytes, err
}

// A staffView answers the page of qualifications.
type staffView struct{ *view }

var _ web.Staff = staffView{}

// Staff implements web.Staff.
func (v staffView) Staff(ctx context.Context) (pg web.StaffPage, err error) {
	q := v.Qualified
	today, soon, err := q.Days(ctx, at)
	if err != nil {
		return pg, err
	}
	pg.Kinds, pg.Ahead = qualification.Kinds(), day(soon)
	all, err := q.List(ctx, at)
	if err != nil {
		return pg, err
	}
	for i := range all {
		x := &all[i]
		l := web.StaffLine{ID: x.ID, Name: x.Name, Kind: x.Kind, Detail: x.Detail, State: x.State(today, soon), From: day(x.From), Until: day(x.Until)}
		switch l.State {
		case qualification.Expired:
			pg.Expired++
		case qualification.Soon:
			pg.Soon++
		}
		pg.Lines = append(pg.Lines, l)
	}
	accounts, err := v.Users.Accounts(ctx)
	if err != nil {
		return pg, err
	}
	for _, a := range accounts {
		if a.Ended.IsZero() && a.ID != access.Local {
			pg.Accounts = append(pg.Accounts, face.Choice{Code: a.ID, Label: cmp.Or(a.Name, a.Login, a.ID)})
		}
	}
	trainings, err := q.Trainings(ctx, at)
	for _, t := range trainings {
		pg.Trainings = append(pg.Trainings, web.StaffTeam{Day: day(t.Day), Subject: t.Subject, Attended: t.Attended, Invited: t.Invited})
	}
	return pg, err
}

// StaffAdd implements web.Staff.
func (v staffView) StaffAdd(ctx context.Context, by web.Person, r web.StaffRecord) error {
	_, err := v.qualify(ctx, by.ID, r.Account, qualification.Record{Name: r.Name, Kind: r.Kind, Detail: r.Detail, From: r.From, Until: r.Until})
	return err
}

// StaffEnd implements web.Staff.
func (v staffView) StaffEnd(ctx context.Context, by web.Person, id string) error {
	return v.Qualified.End(ctx, at, by.ID, id)
}

// StaffTrained implements web.Staff.
func (v staffView) StaffTrained(ctx context.Context, by web.Person, t web.StaffTraining) error {
	attended, err := strconv.Atoi(t.Attended)
	if err != nil {
		return fault.Errorf(fault.Invalid, "attended: write how many as a whole number")
	}
	invited, err := strconv.Atoi(t.Invited)
	if err != nil {
		return fault.Errorf(fault.Invalid, "invited: write how many as a whole number")
	}
	_, err = v.Qualified.Trained(ctx, at, by.ID, qualification.Training{Day: t.Day, Subject: t.Subject, Attended: attended, Invited: invited})
	return err
}

// paperTasks are the lines of the day about documents and qualifications: what is past, and
// what ends soon. A line names no person.
func (v *view) paperTasks(ctx context.Context) ([]web.Task, error) {
	subject := access.Subject{Site: at}
	readsPaper, readsPeople := access.Can(ctx, access.DocumentRead, subject), access.Can(ctx, access.QualificationRead, subject)
	var all []web.Task
	for _, of := range []struct {
		rule string
		may  bool
	}{{document.RuleDue, readsPaper}, {qualification.RuleExpiry, readsPeople}} {
		if !of.may {
			continue
		}
		open, err := v.Findings.List(ctx, finding.Filter{Site: at, Rule: of.rule, States: []finding.State{finding.StateOpen, finding.StateInWork, finding.StateMeasuredAgain}, Limit: 20})
		if err != nil {
			return nil, err
		}
		for _, f := range open {
			all = append(all, paperTask(f))
		}
	}
	return all, nil
}

// paperTask is the line of a finding about a document or a qualification.
func paperTask(f finding.Finding) web.Task {
	if f.Rule == document.RuleDue {
		due := document.DueOf(f)
		t := web.Task{
			What: msg("task.document_"+f.Code, lang.Args{"title": due.Title}), Shape: face.Dash, Do: msg("task.document_do", nil), Path: "/quality/documents/" + f.Subject.Object,
		}
		if f.Code == document.Overdue {
			t.Until, t.Overdue = day(due.Day), true
		}
		return t
	}
	return web.Task{
		What: msg("task.qualification_"+f.Code, nil), Why: msg("people.kind_"+f.Subject.Quantity, nil), Overdue: f.Code == qualification.Expired, Shape: face.Dash,
		Do: msg("task.qualification_do", nil), Path: "/quality/people",
	}
}
