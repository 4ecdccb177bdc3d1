package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/web"
	"radagora/web/face"
)

// A rightsView tells who may do what, and takes what people decide about one
// patient or study.
type rightsView struct{ *view }

// word says in a word whether a role may do an act to somebody they have nothing to
// do with, or what else it takes.
func (h *house) word(role access.Role, act access.Act, site string) (word string, why []string, err error) {
	who := access.Who{ID: "?", Grants: access.Everywhere(role)}
	subject := access.Subject{Site: site, Person: "?"}
	fresh := access.Circumstances{Fresh: true}
	for _, c := range []struct {
		word  string
		given access.Circumstances
	}{
		{"yes", access.Circumstances{}},
		{"again", fresh},
		{"own", access.Circumstances{Fresh: true, Own: true}},
		{"referred", access.Circumstances{Fresh: true, Referred: true}},
		{"given", access.Circumstances{Fresh: true, Granted: true}},
		{"emergency", access.Circumstances{Fresh: true, Glass: true}},
	} {
		d, err := h.Judge.Rules.Decide(who, act, subject, c.given)
		if err != nil {
			return "", nil, err
		}
		if d.Allowed {
			return c.word, d.Why, nil
		}
	}
	return "no", nil, nil
}

// Policies implements web.Rights.
func (v rightsView) Policies(_ context.Context, role string) (web.PoliciesPage, error) {
	pg := web.PoliciesPage{Role: role}
	for _, r := range access.Roles() {
		pg.Roles = append(pg.Roles, face.Choice{Code: string(r)})
	}
	if pg.Role == "" {
		pg.Role = pg.Roles[0].Code
	}
	if !slices.Contains(access.Roles(), access.Role(pg.Role)) {
		return pg, notFound("role")
	}
	i := slices.IndexFunc(v.Content.List(at), func(l content.Listing) bool { return l.ID == "access/policy" })
	if i >= 0 {
		set := v.Content.List(at)[i]
		pg.Origin, pg.Digest, pg.Status = set.Origin, set.Digest[:min(12, len(set.Digest))], set.Status
	}
	texts, err := v.Judge.Rules.Texts(at)
	if err != nil {
		return pg, err
	}
	for _, act := range access.Acts() {
		word, why, err := v.word(access.Role(pg.Role), act, at)
		if err != nil {
			return pg, err
		}
		a := web.RoleAct{Act: string(act), Word: word}
		for _, id := range why {
			a.Policies = append(a.Policies, web.Policy{ID: id, Text: texts[id]})
		}
		pg.Acts = append(pg.Acts, a)
	}
	return pg, nil
}

// subject returns the subject of a study that the archive has.
func (v rightsView) subject(ctx context.Context, study string) (access.Subject, string, string, error) {
	u, err := uid.Parse(study)
	if err != nil {
		return access.Subject{}, "", "", notFound("study")
	}
	s, err := v.Archive.Study(ctx, at, u)
	if err != nil {
		return access.Subject{}, "", "", err
	}
	return access.Subject{Site: at, Person: s.Person.Reveal(), Study: study}, s.Description, s.Date, nil
}

// Study implements web.Rights.
func (v rightsView) Study(ctx context.Context, study string) (web.StudyRights, error) {
	subject, description, date, err := v.subject(ctx, study)
	if err != nil {
		return web.StudyRights{}, err
	}
	if err := access.Check(ctx, access.StudyExplain, subject); err != nil {
		return web.StudyRights{}, err
	}
	pg := web.StudyRights{UID: study, Description: description, Day: date}
	wishes, err := v.Facts.Wishes(ctx, access.Person{Site: at, ID: subject.Person})
	if err != nil {
		return pg, err
	}
	for _, w := range wishes {
		pg.Restricted = pg.Restricted || w.Wish == access.Restricted && w.Until.IsZero()
		pg.OptedOut = pg.OptedOut || w.Wish == access.NoSecondary && w.Until.IsZero()
	}
	relations, err := v.Facts.Of(ctx, subject)
	if err != nil {
		return pg, err
	}
	accounts, err := v.Users.Accounts(ctx)
	if err != nil {
		return pg, err
	}
	names := map[string]string{}
	for _, a := range accounts {
		names[a.ID] = a.Name
		if !a.Ended.IsZero() || a.ID == access.Local {
			continue
		}
		pg.Accounts = append(pg.Accounts, face.Choice{Code: a.ID, Label: a.Name})
		right, sees, err := v.right(ctx, a, subject, relations)
		if err != nil {
			return pg, err
		}
		if sees {
			pg.People = append(pg.People, right)
		}
	}
	machines, err := v.machinesThatMay(ctx)
	if err != nil {
		return pg, err
	}
	pg.People = append(pg.People, machines...)
	for _, r := range relations {
		pg.Relations = append(pg.Relations, web.StudyRelation{
			ID: r.ID, Who: names[r.User], Kind: r.Kind, Reason: r.Reason, MadeBy: names[r.MadeBy], Study: r.Study != "",
			Made: r.Made, Until: r.Until, Ended: r.Ended, Holds: r.Holds(v.Now()),
		})
	}
	return pg, nil
}

// machinesThatMay are the DICOM peers that may query and retrieve, and so fetch any study.
func (v rightsView) machinesThatMay(ctx context.Context) (all []web.PersonRight, err error) {
	peers, err := v.Sites.Peers(ctx, at)
	for _, p := range peers {
		if v.mayQuery(ctx, peerAccount+p.AETitle, at) {
			all = append(all, web.PersonRight{Name: p.AETitle, Roles: string(access.Peer), Word: "peer", Images: true, Named: true})
		}
	}
	return all, err
}

// right says what an account sees of a study, and why.
func (v rightsView) right(ctx context.Context, a access.User, subject access.Subject, relations []access.Relation) (web.PersonRight, bool, error) {
	who := a.Who()
	r := web.PersonRight{Name: a.Name, Word: "role"}
	roles := who.Roles(at)
	named := make([]string, len(roles))
	for i, role := range roles {
		named[i] = string(role)
	}
	r.Roles = strings.Join(named, ", ")
	var why []string
	for _, ask := range []struct {
		act access.Act
		may *bool
	}{{access.ObjectRead, &r.Images}, {access.IdentityRead, &r.Named}, {access.ExaminationRead, &r.Exam}} {
		d, err := v.Judge.Decide(ctx, who, ask.act, subject)
		if err != nil {
			return r, false, err
		}
		if *ask.may = d.Allowed; d.Allowed {
			why = append(why, d.Why...)
		}
	}
	slices.Sort(why)
	r.Policies = strings.Join(slices.Compact(why), ", ")
	for _, relation := range relations {
		if relation.User == a.ID && relation.Holds(v.Now()) {
			r.Word = relation.Kind
		}
	}
	if who.Patient != "" && who.Patient == subject.Person {
		r.Word = "own"
	}
	return r, r.Images || r.Exam || r.Named, nil
}

// Give implements web.Rights.
func (v rightsView) Give(ctx context.Context, g web.StudyGift) error {
	subject, _, _, err := v.subject(ctx, g.Study)
	if err != nil {
		return err
	}
	if err := access.Check(ctx, access.StudyGrant, subject); err != nil {
		return err
	}
	wrong := map[string]string{}
	if _, err := v.Users.Who(ctx, g.Account); err != nil {
		wrong["account"] = "rights.wrong_account"
	}
	if g.Until.Before(v.Now()) || g.Until.After(v.Now().AddDate(1, 0, 1)) {
		wrong["until"] = "rights.wrong_until"
	}
	if len(g.Reason) < 3 || len(g.Reason) > 1000 {
		wrong["reason"] = "rights.wrong_reason"
	}
	if len(wrong) > 0 {
		return web.Refuse(wrong)
	}
	r := access.Relation{Site: at, User: g.Account, Kind: access.Granted, Study: g.Study, Reason: g.Reason, Until: g.Until}
	if g.Whole {
		r.Person, r.Study = subject.Person, ""
	}
	return v.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := v.Facts.Relate(ctx, tx, r)
		return err
	})
}

// Take implements web.Rights.
func (v rightsView) Take(ctx context.Context, relation string) error {
	if err := may(ctx, access.StudyGrant); err != nil {
		return err
	}
	return v.DB.Write(ctx, func(tx *db.Tx) error { return v.Facts.Unrelate(ctx, tx, relation) })
}

// emergencyLasts is how long a record that was opened in an emergency stays open.
const emergencyLasts = 4 * time.Hour

// EmergencyHours implements web.Rights.
func (rightsView) EmergencyHours() int { return int(emergencyLasts / time.Hour) }

// Open implements web.Rights.
func (v rightsView) Open(ctx context.Context, study, reason string) error {
	subject, _, _, err := v.subject(ctx, study)
	if err != nil {
		return err
	}
	err = v.Facts.Break(ctx, access.Subject{Site: subject.Site, Person: subject.Person}, reason, emergencyLasts)
	if fault.Of(err) == fault.Invalid {
		return web.Refuse(map[string]string{"reason": "rights.wrong_emergency"})
	}
	return err
}

// emergenciesShown is how many are listed.
const emergenciesShown = 200

// Emergencies implements web.Rights.
func (v rightsView) Emergencies(ctx context.Context) ([]web.Emergency, error) {
	all, err := v.Facts.Emergencies(ctx, at, emergenciesShown)
	if err != nil {
		return nil, err
	}
	names, err := v.accountNames(ctx)
	if err != nil {
		return nil, err
	}
	var list []web.Emergency
	for _, r := range all {
		list = append(list, web.Emergency{
			ID: r.ID, Who: names[r.User], Reason: r.Reason, Review: r.Review, ReviewedBy: names[r.ReviewedBy],
			Opened: r.Made, Until: r.Until, Reviewed: r.Reviewed,
		})
	}
	return list, nil
}

// Review implements web.Rights.
func (v rightsView) Review(ctx context.Context, id, finding string) error {
	if finding == "" {
		return fault.Errorf(fault.Invalid, "review: say what was found")
	}
	return v.Facts.Reviewed(ctx, id, finding)
}
