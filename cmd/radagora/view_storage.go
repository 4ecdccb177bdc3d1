package main

import (
	"cmp"
	"context"
	"math"

	"radagora/access"
	"radagora/archive"
	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/job"
	"radagora/web"
)

// A storageView shows how objects are kept.
type storageView struct{ *view }

// What the page shows at most.
const (
	shownDeletions = 100
	shownPacks     = 50
)

// Storage implements web.Storage.
func (v storageView) Storage(ctx context.Context) (web.StoragePage, error) {
	st, err := v.storage(ctx, v.settings)
	if err != nil {
		return web.StoragePage{}, err
	}
	_, total, err := diskSpace(v.settings.Data)
	if err != nil {
		return web.StoragePage{}, err
	}
	subject := access.Subject{Site: at}
	pg := web.StoragePage{
		Bytes: st.Bytes, Left: st.Left, Packs: st.Packs, ReadOnly: st.ReadOnly, Floor: min(v.settings.Floor<<20, total/100),
		N: st.DailyN, Daily: st.Daily, Read: st.Read, Oldest: st.Oldest, Second: v.settings.secondName(),
		Copied: st.Copied, Uncopied: st.Uncopied, UncopiedN: st.LatePacks, SecondWithin: v.settings.SecondLate, TrashDays: v.settings.TrashDays,
		MayRun: access.Can(ctx, access.StorageRun, subject), MayDelete: access.Can(ctx, access.ObjectDelete, subject), MayHold: access.Can(ctx, access.HoldChange, subject),
	}
	if !st.Late.IsZero() {
		pg.UncopiedAge = v.Now().Sub(st.Late)
	}
	if st.Days != nil {
		pg.Days, pg.Sooner, pg.Later = *st.Days, st.Forecast.Sooner, math.Min(st.Forecast.Late, math.MaxInt32)
	}
	for _, m := range st.Forecast.Modalities() {
		pg.Shares = append(pg.Shares, web.Share{Modality: m, Percent: st.Forecast.Share[m]})
	}
	return pg, v.lists(ctx, &pg)
}

// lists fills the lists of the page.
func (v storageView) lists(ctx context.Context, pg *web.StoragePage) error {
	damages, err := v.Archive.Damages(ctx, shownDeletions)
	if err != nil {
		return err
	}
	for _, d := range damages {
		pg.Damaged = append(pg.Damaged, web.Damaged{SOP: d.SOP, Found: d.Found, Mended: d.Mended})
	}
	trash, err := v.Archive.Deletions(ctx, at, shownDeletions)
	if err != nil {
		return err
	}
	for _, d := range trash {
		x := web.Deleted{ID: d.ID, Level: d.Level, UID: d.Study, Reason: d.Reason, Actor: d.Actor, State: d.State, At: d.At, Due: d.Due, Objects: d.Objects, Bytes: d.Bytes, Rejected: d.Cause == archive.ByRejection}
		if d.SOP != "" {
			x.UID = d.SOP
		} else if d.Series != "" {
			x.UID = d.Series
		}
		pg.Trash = append(pg.Trash, x)
	}
	holds, err := v.Archive.Holds(ctx, at)
	if err != nil {
		return err
	}
	for _, h := range holds {
		pg.Holds = append(pg.Holds, web.Held{ID: h.ID, Study: h.Study, Reason: h.Reason, Actor: h.Actor, At: h.At, Lifted: h.Lifted})
	}
	if pg.Rules, err = v.dropping(ctx); err != nil {
		return err
	}
	if err := v.retentionLists(ctx, pg); err != nil {
		return err
	}
	packs, err := v.Archive.Packs(ctx, 0, shownPacks)
	for _, p := range packs {
		pg.List = append(pg.List, web.PackRow{Name: p.Name, Bytes: p.Bytes, Sealed: p.Sealed, Damaged: p.Damaged, Read: p.Read, Copied: p.Copied})
	}
	return err
}

// secondName names the second place.
func (s settings) secondName() string { return s.Second }

// Do implements web.Storage: the work is done by whichever process is free.
func (v storageView) Do(ctx context.Context, what string) error {
	if err := may(ctx, access.StorageRun); err != nil {
		return err
	}
	return v.DB.Write(ctx, func(tx *db.Tx) error {
		return v.Jobs.Add(ctx, tx, job.Job{Site: at, Kind: "storage." + what + ".now", Key: what})
	})
}

// Delete implements web.Storage.
func (v storageView) Delete(ctx context.Context, study, series, sop, reason string) error {
	if err := may(ctx, access.ObjectDelete); err != nil {
		return err
	}
	if reason == "" {
		return web.Refuse(map[string]string{"reason": "storage.wrong_reason"})
	}
	t, err := targetFlags{Study: study, Series: series, SOP: sop}.target()
	if err != nil || t.Study.IsZero() {
		return web.Refuse(map[string]string{"study": "storage.wrong_study"})
	}
	_, err = v.Archive.Delete(ctx, at, t, archive.ByPerson, reason)
	return refusedStudy(err, "study")
}

// refusedStudy turns what is wrong with a study into what a form says.
func refusedStudy(err error, field string) error {
	switch {
	case err == nil:
		return nil
	case fault.Of(err) == fault.NotFound:
		return web.Refuse(map[string]string{field: "storage.no_study"})
	case fault.Of(err) == fault.Conflict:
		return web.Refuse(map[string]string{field: "storage.is_held"})
	}
	return err
}

// Undo implements web.Storage.
func (v storageView) Undo(ctx context.Context, id string) error {
	if err := may(ctx, access.ObjectDelete); err != nil {
		return err
	}
	return v.Archive.Undo(ctx, at, id)
}

// Hold implements web.Storage.
func (v storageView) Hold(ctx context.Context, study string, person bool, reason string) error {
	if err := may(ctx, access.HoldChange); err != nil {
		return err
	}
	if reason == "" {
		return web.Refuse(map[string]string{"why": "storage.wrong_reason"})
	}
	u, err := uid.Parse(study)
	if err != nil {
		return web.Refuse(map[string]string{"held": "storage.wrong_study"})
	}
	who := ""
	if person {
		if who, err = v.Archive.PersonOf(ctx, at, u.String()); err != nil {
			return err
		}
		if who == "" {
			return web.Refuse(map[string]string{"held": "storage.no_study"})
		}
		study = ""
	}
	_, err = v.Archive.Hold(ctx, at, study, who, reason)
	return refusedStudy(err, "held")
}

// Lift implements web.Storage.
func (v storageView) Lift(ctx context.Context, id, reason string) error {
	if err := may(ctx, access.HoldChange); err != nil {
		return err
	}
	return v.Archive.Lift(ctx, at, id, reason)
}

// Drop implements web.Storage.
func (v storageView) Drop(ctx context.Context, r web.PeerRule) error {
	if err := may(ctx, access.ObjectDelete); err != nil {
		return err
	}
	switch {
	case r.Title+r.Called == "":
		return web.Refuse(map[string]string{"drop": "storage.wrong_way"})
	case r.Called == v.settings.AE:
		return web.Refuse(map[string]string{"called": "storage.wrong_called"})
	case r.Reason == "":
		return web.Refuse(map[string]string{"drop_reason": "storage.wrong_reason"})
	}
	return v.Archive.KeepHeaders(ctx, archive.KeepRule{Site: at, CallingAE: r.Title, CalledAE: r.Called, After: r.After, Reason: r.Reason})
}

// Everything implements web.Storage.
func (v storageView) Everything(ctx context.Context, title, called string) error {
	if err := may(ctx, access.ObjectDelete); err != nil {
		return err
	}
	return v.Archive.KeepAll(ctx, at, title, called)
}

// dropping returns the rules by which pixels are dropped.
func (v *view) dropping(ctx context.Context) (all []web.PeerRule, err error) {
	rules, err := v.Archive.KeepRules(ctx, at)
	if err != nil {
		return nil, err
	}
	names, err := v.accountNames(ctx)
	for _, r := range rules {
		all = append(all, web.PeerRule{Title: r.CallingAE, Called: r.CalledAE, Reason: r.Reason, Actor: cmp.Or(names[r.Actor], r.Actor), After: r.After, Since: r.Since})
	}
	return all, err
}
