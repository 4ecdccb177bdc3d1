package main

import (
	"context"

	"radagora/access"
	"radagora/lang"
	"radagora/web"
	"radagora/web/face"
)

// A backupView shows how the backups stand.
type backupView struct{ *view }

// Backups implements web.Backups.
func (v backupView) Backups(ctx context.Context) (web.BackupsPage, error) {
	s, err := v.Backup.State(ctx, v.settings.BackupEvery)
	if err != nil {
		return web.BackupsPage{}, err
	}
	pg := web.BackupsPage{
		Configured: s.Configured, Target: s.Target, Continuous: v.settings.BackupContinuous, Every: s.Every, Keep: s.Keep.String(),
		Fingerprint: v.Backup.Fingerprint(), Doing: v.Backup.Doing(), Next: s.Next, Late: s.Late, Away: s.Away,
		Last: web.BackupRun{ID: s.Last.ID, At: s.Last.Snapshot, Age: s.Age, Size: s.Last.Bytes, Added: s.Last.Added},
	}
	if s.Failed.ID != "" {
		pg.Failed = web.BackupRun{ID: s.Failed.ID, At: s.Failed.Ended, Error: s.Failed.Error}
	}
	if s.Verified.ID != "" {
		pg.Verified = web.BackupRun{ID: s.Verified.ID, At: s.Verified.Ended}
	}
	if !s.Configured {
		return pg, nil
	}
	kept, err := v.Backup.Kept(ctx)
	if err != nil { // the disk of the backups may be away; the page says so
		v.Log.WarnContext(ctx, "list of backups", "error", err)
		pg.Broken = true
		return pg, nil
	}
	for _, k := range kept {
		size, _ := k.Size()
		pg.List = append(pg.List, web.Backup{ID: k.ID, At: k.Snapshot, Until: k.Until, Size: size, Added: k.Added, Objects: k.Objects()})
	}
	if len(kept) > 0 {
		pg.Erasures = len(kept[0].Erasures)
	}
	until, holds, err := v.Backup.LastBackupHolding(ctx, v.Now())
	pg.Until, pg.Forever = until, holds && until.IsZero()
	return pg, err
}

// Do implements web.Backups.
func (v backupView) Do(ctx context.Context, what string) error {
	if err := may(ctx, access.BackupRun); err != nil {
		return err
	}
	return v.Backup.Ask(ctx, access.From(ctx).ID, what)
}

// backupTasks is a line of the day for whoever can do something about a backup that
// is late or failed.
func (v *view) backupTasks(ctx context.Context) ([]web.Task, error) {
	if !access.Can(ctx, access.BackupRun, access.Subject{Site: at}) {
		return nil, nil
	}
	s, err := v.Backup.State(ctx, v.settings.BackupEvery)
	if err != nil || s.Configured && !s.Late || !s.Configured && v.settings.demo {
		return nil, err
	}
	what := msg("task.backup_never", nil)
	switch {
	case !s.Configured:
		what = msg("task.backup_unset", nil)
	case s.Last.ID != "":
		what = msg("task.backup_late", lang.Args{"at": s.Last.Snapshot.In(v.site(ctx).Zone)})
	}
	return []web.Task{{What: what, Do: msg("task.backup_do", nil), Path: "/settings/backup", Shape: face.LoneDot}}, nil
}
