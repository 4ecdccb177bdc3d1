package main

import (
	"context"
	"fmt"
	"time"

	"radagora/access"
	"radagora/audit/document"
	"radagora/audit/qualification"
	"radagora/demo"
	"radagora/site"
)

// demoSecond is who approves in the demonstration what demo.Actor brought.
const demoSecond = demo.Actor + "-second"

// papers enters the documents and qualifications of the demonstration, unless there are
// documents already.
func (d *demoLoad) papers(ctx context.Context, all demo.Decisions, until time.Time) error {
	there, err := d.house.Documents.List(ctx, site.Default)
	if err != nil || len(there) > 0 {
		return err
	}
	for _, x := range all.Documents {
		if err := d.paper(ctx, x, until.AddDate(0, 0, -x.Back)); err != nil {
			return fmt.Errorf("demo/decision: document %q: %w", x.Title, err)
		}
	}
	if err := d.house.Documents.Judge(ctx, site.Default); err != nil {
		return err
	}
	day := func(ahead int) string { return until.AddDate(0, 0, ahead).Format(time.DateOnly) }
	for _, x := range all.Qualifications {
		r := qualification.Record{Name: x.Name, Kind: x.Kind, Detail: x.Detail, From: day(-x.From)}
		if x.Ends {
			r.Until = day(x.Until)
		}
		if _, err := d.house.Qualified.Add(ctx, site.Default, demo.Actor, "", r); err != nil {
			return fmt.Errorf("demo/decision: qualification %s of %s: %w", x.Kind, x.Name, err)
		}
	}
	for _, x := range all.Trainings {
		t := qualification.Training{Day: day(-x.Back), Subject: x.Subject, Attended: x.Attended, Invited: x.Invited}
		if _, err := d.house.Qualified.Trained(ctx, site.Default, demo.Actor, t); err != nil {
			return fmt.Errorf("demo/decision: training: %w", err)
		}
	}
	return nil
}

// paper enters a document as if on a day, and approves it.
func (d *demoLoad) paper(ctx context.Context, x demo.Document, on time.Time) error {
	then := *d.house.Documents
	then.Now = func() time.Time { return on.Add(10 * time.Hour) }
	head := document.Head{Title: x.Title, Kind: x.Kind, Topic: x.Topic, Owner: x.Owner, HighDose: x.HighDose, Exams: x.Exams, Audits: x.Audits, Duties: x.Duties}
	for _, r := range x.Readers {
		head.Readers = append(head.Readers, access.Role(r))
	}
	k, err := then.Keep(ctx, site.Default, demo.Actor, "", head)
	if err != nil {
		return err
	}
	k, err = then.Add(ctx, site.Default, demo.Actor, k.ID, document.Draft{Label: x.Label, File: document.File{Name: "demonstration.txt", Bytes: []byte(x.Text + "\n")}})
	if err != nil || !x.Approved {
		return err
	}
	next := on.AddDate(0, 0, x.Good).Format(time.DateOnly)
	if _, err := then.Approve(ctx, site.Default, demoSecond, k.ID, k.Versions[0].Number, next); err != nil || !x.Expert {
		return err
	}
	_, err = then.Review(ctx, site.Default, demoSecond, k.ID, next, true, "")
	return err
}
