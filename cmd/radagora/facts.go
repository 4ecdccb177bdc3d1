package main

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/evidence"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

// facts returns the facts of the evidence catalogue that need more than one room: what
// stands in the journal, and what machines, areas and people did.
func (h *house) facts() []evidence.Fact {
	zone := func(ctx context.Context, siteID string) (*time.Location, error) {
		here, err := h.Sites.Site(ctx, siteID)
		if err != nil {
			return nil, err
		}
		return here.Location(), nil
	}
	return []evidence.Fact{
		evidence.Counted("archive.modality_coverage", "archive.machines/1", h.Now, h.machinesStoring),
		evidence.Counted("archive.areas_storing", "archive.areas/1", h.Now, h.areasStoring(func(site.Machine) []site.Trait { return nil })),
		evidence.Counted("archive.areas_standard_transfer", "archive.areas_title/1", h.Now, h.areasStoring(func(m site.Machine) []site.Trait { return m.AETitles })),
		evidence.Counted("archive.corrections_traced", "archive.corrections/1", h.Now, h.corrected),
		evidence.Numbered("archive.identity_index", "person.linked/1", h.Now, func(ctx context.Context, q evidence.Query) (int64, error) {
			return h.Persons.Linked(ctx, q.Site, q.From, q.Until)
		}),
		evidence.Dated("archive.lifecycle_jobs", "archive.retention_listed/1", h.Now, zone, h.last("archive.retention.listed")),
		evidence.Dated("archive.second_copy_verified", "backup.verified/1", h.Now, zone, h.last("backup.verify.finished")),
		evidence.Counted("worklist.mwl_use", "worklist.asked/1", h.Now, h.asking),
		evidence.Counted("dose.device_coverage", "dose.delivered/1", h.Now, h.delivering),
		evidence.Numbered("dose.cumulative_views", "dose.history_read/1", h.Now, h.historiesRead),
		evidence.Numbered("indicator.registry_exports", "dose.disclosed/1", h.Now, func(ctx context.Context, q evidence.Query) (int64, error) {
			return h.counted(ctx, q, "dose.registry.disclosed")
		}),
		evidence.Counted("access.breakglass_reviewed", "access.glass/1", h.Now, h.emergencies),
		evidence.Numbered("access.consent_decisions", "access.wish/1", h.Now, func(ctx context.Context, q evidence.Query) (int64, error) {
			return h.Facts.Decisions(ctx, q.Site, q.From, q.Until)
		}),
		evidence.Counted("access.log_coverage", "access.openings_sample/1", h.Now, h.openings),
	}
}

// activeDays is how long a machine counts as active after it was seen last. The register
// of machines does not bind those that only sent.
const activeDays = 365

// active returns the machines that were seen within a year before the end of q, each with
// its room.
func (h *house) active(ctx context.Context, q evidence.Query) (*site.Plan, []site.Machine, error) {
	plan, err := h.Sites.Plan(ctx, h.DB, q.Site)
	if err != nil {
		return nil, nil, err
	}
	since, until := q.Until.AddDate(0, 0, -activeDays).Format(time.DateOnly), q.Until.Format(time.DateOnly)
	var all []site.Machine
	for _, room := range plan.Rooms {
		for _, m := range room.Machines {
			if m.Into == "" && m.LastDay >= since && m.FirstDay <= until && (q.Stratum.Room == "" || q.Stratum.Room == room.ID) {
				all = append(all, m)
			}
		}
	}
	return plan, all, nil
}

// machineCase is a machine as a case.
func machineCase(plan *site.Plan, m *site.Machine, counted bool) evidence.Case {
	room, _ := plan.RoomOf(m.ID)
	at, _ := time.Parse(time.DateOnly, m.LastDay) // "" is no day
	return evidence.Case{ID: m.ID, Room: room.ID, At: at, Counted: counted, Object: m.ID}
}

// machinesStoring returns the active machines, counted those of which something of the
// time of q is stored.
func (h *house) machinesStoring(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
	plan, all, err := h.active(ctx, q)
	cases := make([]evidence.Case, 0, len(all))
	for i := range all {
		cases = append(cases, machineCase(plan, &all[i], all[i].LastDay >= q.From.Format(time.DateOnly)))
	}
	return cases, err
}

// areasStoring returns the areas that rooms were given, counted those of which something
// of the time of q is stored. If traits gives some of a machine, one of them must have
// been seen in that time.
func (h *house) areasStoring(traits func(site.Machine) []site.Trait) func(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
	return func(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
		plan, err := h.Sites.Plan(ctx, h.DB, q.Site)
		if err != nil {
			return nil, err
		}
		from := q.From.Format(time.DateOnly)
		areas := map[string]bool{}
		for _, room := range plan.Rooms {
			if room.Area == "" || q.Stratum.Area != "" && q.Stratum.Area != room.Area {
				continue
			}
			storing := slices.ContainsFunc(room.Machines, func(m site.Machine) bool {
				seen := traits(m)
				return m.LastDay >= from && (seen == nil || slices.ContainsFunc(seen, func(t site.Trait) bool { return t.LastDay >= from }))
			})
			areas[room.Area] = areas[room.Area] || storing
		}
		var cases []evidence.Case
		for area, storing := range areas {
			cases = append(cases, evidence.Case{ID: area, At: q.Until, Counted: storing, Object: area})
		}
		slices.SortFunc(cases, func(a, b evidence.Case) int { return cmp.Compare(a.ID, b.ID) })
		return cases, nil
	}
}

// mostCorrections is how many corrections are looked at, the newest first.
const mostCorrections = 10000

// corrected returns the corrections that people made, counted those with a reason, an
// account and what was received before.
func (h *house) corrected(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
	all, err := h.Archive.Corrections(ctx, q.Site, uid.UID{}, mostCorrections)
	var cases []evidence.Case
	for i := range all {
		c := &all[i]
		if c.Cause == "peer" || c.At.Before(q.From) || !c.At.Before(q.Until) {
			continue
		}
		cases = append(cases, evidence.Case{ID: c.ID, At: c.At, Counted: c.Reason != "" && c.Actor != "", Object: c.Target.Study.String()})
	}
	return cases, err
}

// last returns when an entry of a kind was written last before the end of a query.
func (h *house) last(kind string) func(ctx context.Context, q evidence.Query) (time.Time, error) {
	return func(ctx context.Context, q evidence.Query) (at time.Time, err error) {
		for e, err := range h.Journal.Find(ctx, journal.Filter{Site: q.Site, Kinds: []string{kind}, Until: q.Until, Newest: true, Limit: 1}) {
			return e.At, err
		}
		return time.Time{}, nil
	}
}

// counted returns how many entries of a kind were written in the time of a query.
func (h *house) counted(ctx context.Context, q evidence.Query, kind string) (int64, error) {
	return h.Journal.Count(ctx, journal.Filter{Site: q.Site, Kinds: []string{kind}, From: q.From, Until: q.Until})
}

// asking returns the active machines that have an application entity title, counted those
// that were given entries of the worklist in the time of q.
func (h *house) asking(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
	callers, err := h.Worklist.Callers(ctx, q.Site, q.From)
	if err != nil {
		return nil, err
	}
	plan, all, err := h.active(ctx, q)
	var cases []evidence.Case
	for i := range all {
		if len(all[i].AETitles) == 0 {
			continue // what it sends came by another way
		}
		asks := slices.ContainsFunc(all[i].AETitles, func(t site.Trait) bool { return callers[t.Value] })
		cases = append(cases, machineCase(plan, &all[i], asks))
	}
	return cases, err
}

// doseScope are the modalities whose machines must deliver doses whatever their age: CT
// and interventional radiology (2013/59/Euratom Art. 60(3)), which reports as XA or RF.
var doseScope = []string{"CT", "XA", "RF"}

// delivering returns the active CT and interventional machines, counted those of which a
// dose of the time of q is known. Newer machines of other kinds are not in it: their year
// is not part of what they send.
func (h *house) delivering(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
	delivered, err := h.Dose.Delivered(ctx, q.Site, dose.Period{From: q.From.Format(time.DateOnly), To: q.Until.Format(time.DateOnly)})
	if err != nil {
		return nil, err
	}
	plan, all, err := h.active(ctx, q)
	if err != nil {
		return nil, err
	}
	roots := map[string]bool{}
	for id := range delivered {
		if m, ok := plan.Machine(id); ok {
			roots[m.ID] = true
		}
	}
	var cases []evidence.Case
	for i := range all {
		if slices.Contains(doseScope, all[i].Modality) {
			cases = append(cases, machineCase(plan, &all[i], roots[all[i].ID]))
		}
	}
	return cases, nil
}

// readers are the roles to whom an earlier dose is of use for a decision.
var readers = []access.Role{access.Radiologist, access.Referrer, access.Radiographer}

// historiesRead returns how often somebody who justifies or performs examinations looked
// at the doses of one person.
func (h *house) historiesRead(ctx context.Context, q evidence.Query) (n int64, err error) {
	for e, err := range h.Journal.Find(ctx, journal.Filter{
		Site: q.Site, Kinds: []string{string(access.ExaminationRead)}, From: q.From, Until: q.Until, Personal: true, Newest: true, Limit: mostOpenings,
	}) {
		if err != nil {
			return n, err
		}
		var data journal.ReadData
		if err := json.Unmarshal(e.Data, &data); err != nil || e.Subject != "" {
			continue // a read of one examination, or an entry of another shape
		}
		if slices.ContainsFunc(readers, func(r access.Role) bool { return slices.Contains(strings.Fields(data.Role), string(r)) }) {
			n += int64(max(data.Count, 1))
		}
	}
	return n, nil
}

// mostEmergencies is how many openings in an emergency are looked at, the newest first.
const mostEmergencies = 10000

// emergencies returns the records opened in an emergency, counted those that somebody
// reviewed.
func (h *house) emergencies(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
	all, err := h.Facts.Emergencies(ctx, q.Site, mostEmergencies)
	var cases []evidence.Case
	for _, r := range all {
		if !r.Made.Before(q.From) && r.Made.Before(q.Until) {
			cases = append(cases, evidence.Case{ID: r.ID, At: r.Made, Counted: !r.Reviewed.IsZero(), Object: r.ID})
		}
	}
	return cases, err
}

// mostOpenings is how many openings a fact looks at, the newest first.
const mostOpenings = 2000

// openings returns the newest openings of images and reports, counted those of which
// account, person, time and purpose stand in the journal.
func (h *house) openings(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
	var cases []evidence.Case
	for e, err := range h.Journal.Find(ctx, journal.Filter{
		Site: q.Site, Kinds: []string{string(access.ObjectRead)}, From: q.From, Until: q.Until, Newest: true, Limit: mostOpenings,
	}) {
		if err != nil {
			return nil, fault.As(fault.Unavailable, err)
		}
		var data journal.ReadData
		whole := json.Unmarshal(e.Data, &data) == nil && e.Actor != "" && e.PersonKey != "" && data.Purpose != "" && !e.At.IsZero()
		cases = append(cases, evidence.Case{ID: e.ID, At: e.At, Counted: whole, Object: e.ID})
	}
	return cases, nil
}
