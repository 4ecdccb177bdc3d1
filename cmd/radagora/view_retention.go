package main

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/db"
	"radagora/fault"
	"radagora/job"
	"radagora/web"
)

// The most rows that the page shows of what is due, and of what is kept.
const shownDue = 100

// retentionLists fills what the page says of how long studies are kept.
func (v storageView) retentionLists(ctx context.Context, pg *web.StoragePage) error {
	names, err := v.accountNames(ctx)
	if err != nil {
		return err
	}
	if err := v.retentionRules(ctx, pg, names); err != nil {
		return err
	}
	due, n, err := v.Archive.Due(ctx, at, shownDue)
	if err != nil {
		return err
	}
	pg.DueN, pg.Alone = n, v.settings.RetainAlone
	for _, d := range due {
		pg.Due = append(pg.Due, web.DueRow{
			Proposed: cmp.Or(names[d.ProposedBy], d.ProposedBy), ProposedWhy: d.ProposedWhy, ProposedAt: d.Proposed, Mine: d.ProposedBy == access.From(ctx).ID,
			Study: d.Study, Rule: d.Rule, Modalities: strings.Join(d.Modalities, " "), Day: studyDay(d.Day), Until: studyDay(d.Until), Objects: d.Objects, Bytes: d.Bytes, Held: d.Held,
		})
	}
	kept, err := v.Archive.KeptStudies(ctx, at, shownDue)
	for _, k := range kept {
		pg.Kept = append(pg.Kept, web.KeptRow{Study: k.Study, Reason: k.Reason, Actor: names[k.Actor], At: k.At})
	}
	return err
}

// studyDay reads YYYYMMDD.
func studyDay(s string) time.Time {
	t, err := time.Parse("20060102", s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// retentionRules fills the rules: those that govern and those of the country first.
func (v storageView) retentionRules(ctx context.Context, pg *web.StoragePage, names map[string]string) error {
	rules, err := retentionContent(v.Content)
	if err != nil {
		return err
	}
	said, err := v.Archive.Governing(ctx, at)
	if err != nil {
		return err
	}
	country := v.site(ctx).Country
	for _, r := range rules {
		row := web.RetentionRow{
			ID: r.ID, Meaning: r.Meaning, Law: r.Law, Source: r.Source, Years: r.Years, Draft: r.Draft, Verified: r.Verified, Ours: r.Country == country,
		}
		if i := slices.IndexFunc(said, func(g archive.Governs) bool { return g.Rule == r.ID }); i >= 0 {
			row.Governs, row.Years, row.Reason, row.Actor, row.At = true, max(r.Years, said[i].Years), said[i].Reason, names[said[i].Actor], said[i].At
		}
		pg.Retention = append(pg.Retention, row)
	}
	rank := func(r web.RetentionRow) int {
		switch {
		case r.Governs:
			return 0
		case r.Ours:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(pg.Retention, func(a, b web.RetentionRow) int { return rank(a) - rank(b) })
	return nil
}

// Govern implements web.Storage.
func (v storageView) Govern(ctx context.Context, rule, years, reason string) error {
	if reason == "" {
		if err := may(ctx, access.ObjectDelete); err != nil {
			return err
		}
		return v.Archive.Ungovern(ctx, at, rule)
	}
	n := 0
	if years != "" {
		var err error
		if n, err = strconv.Atoi(years); err != nil {
			return fault.Errorf(fault.Invalid, "years are a number")
		}
	}
	return v.govern(ctx, rule, n, reason)
}

// FindDue implements web.Storage: the work is done by whichever process is free.
func (v storageView) FindDue(ctx context.Context) error {
	if err := may(ctx, access.ObjectDelete); err != nil {
		return err
	}
	return v.DB.Write(ctx, func(tx *db.Tx) error {
		return v.Jobs.Add(ctx, tx, job.Job{Site: at, Kind: "storage.retention.now", Key: "now"})
	})
}

// Approve implements web.Storage.
func (v storageView) Approve(ctx context.Context, studies []string, reason string) (gone, waits, stay int, err error) {
	made, err := v.approveDue(ctx, v.settings.RetainAlone, studies, reason)
	return len(made.Gone), len(made.Waits), len(made.Stay), err
}

// KeepStudy implements web.Storage.
func (v storageView) KeepStudy(ctx context.Context, study, reason string) error {
	return v.keepStudy(ctx, study, reason)
}
