package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"radagora/access"
	"radagora/access/privacy"
	"radagora/db"
	"radagora/job"
	"radagora/notice"
	"radagora/site"
)

// scheduleDuties has the duties of data protection looked at every hour: what is due
// is told, what was erased is taken from the disk, old texts are forgotten.
func (h *house) scheduleDuties() {
	h.Jobs.Every("privacy-duties", job.Interval(time.Hour), h.duties)
}

// duties looks at the duties of every site.
func (h *house) duties(ctx context.Context) error {
	ctx = access.With(ctx, access.System("privacy"))
	sites, err := h.Sites.Sites(ctx)
	if err != nil {
		return err
	}
	for _, s := range sites {
		if _, err := h.Privacy.FinishErasures(ctx, s.ID); err != nil {
			return err
		}
		if _, err := h.Privacy.ForgetTexts(ctx, s.ID); err != nil {
			return err
		}
		due, err := h.Privacy.Due(ctx, s.ID)
		if err != nil {
			return err
		}
		err = h.DB.Write(ctx, func(tx *db.Tx) error {
			for _, n := range due {
				if err := h.Notices.Once(ctx, tx, fmt.Sprintf("privacy %s %s", n.Kind, n.ID), h.message(n, s)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// dueKinds are the kinds of notices, and how loud each is.
var dueKinds = map[string]struct {
	kind     string
	severity notice.Severity
}{
	"request.soon":       {"privacy.request.due", notice.Warning},
	"request.overdue":    {"privacy.request.over", notice.Urgent},
	"breach.soon":        {"privacy.breach.due", notice.Urgent},
	"breach.overdue":     {"privacy.breach.over", notice.Urgent},
	"party.review":       {"privacy.party.review", notice.Info},
	"erasure.unfinished": {"privacy.erasure.unfinished", notice.Warning},
}

// message tells the owner, or else the protection officers, of something due.
func (h *house) message(n privacy.Notice, s site.Site) notice.Message {
	kind := dueKinds[n.Kind]
	m := notice.Message{Site: n.Site, Kind: kind.kind, Path: n.Path, Severity: kind.severity, Args: map[string]string{"day": s.Day(n.Due)}}
	switch n.Kind {
	case "breach.soon":
		m.Args = map[string]string{"n": strconv.Itoa(int(n.Due.Sub(h.Now()).Hours()))}
	case "erasure.unfinished":
		m.Args = nil
	}
	if n.Owner != "" {
		m.To = []string{n.Owner}
	} else {
		m.Roles = []access.Role{access.ProtectionOfficer}
	}
	return m
}
