package main

import (
	"context"
	"encoding/json"
	"strings"

	"radagora/access"
	"radagora/archive"
	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/job"
	"radagora/journal"
)

// Who refers a patient may see what becomes of them: the name of the referrer stands in
// the order (Requesting Physician) and in the images (Referring Physician's Name), and
// an administrator says by which names an account is known there.

// referralJob looks through the studies for those that an account referred.
const referralJob = "access.referral.look"

// referralKinds are what may change who referred whom.
var referralKinds = []string{
	"access.account.known", "archive.instance.stored", "archive.identity.corrected", "archive.identity.undone",
	"worklist.order.created", "worklist.order.changed", "worklist.order.cancelled",
}

// referralKey returns a name of a physician as it is compared: family and given name,
// without middle names and titles.
func referralKey(name string) string {
	key, _ := archive.FoldName(name)
	family, rest, _ := strings.Cut(key, "^")
	given, _, _ := strings.Cut(rest, "^")
	return strings.TrimRight(family+"^"+given, "^")
}

// knownNames reads names as people type them, one a line: "Meier^Anna" or "Meier, Anna".
func knownNames(lines []string) (all []access.Known) {
	for _, line := range lines {
		name := strings.TrimSpace(line)
		if family, given, ok := strings.Cut(name, ","); ok && !strings.Contains(name, "^") {
			name = strings.TrimSpace(family) + "^" + strings.TrimSpace(given)
		}
		if key := referralKey(name); key != "" {
			all = append(all, access.Known{Key: key, Name: name})
		}
	}
	return all
}

// followReferrals keeps up who referred whom until ctx ends.
func (h *house) followReferrals(ctx context.Context) error {
	return h.Journal.Follow(ctx, "referral", referralKinds, h.referred)
}

// referred notes who referred whom, of a batch of entries.
func (h *house) referred(ctx context.Context, tx *db.Tx, batch []journal.Entry) error {
	some, err := access.AnyKnown(ctx, tx)
	if err != nil {
		return err
	}
	ctx = access.With(ctx, access.Who{ID: "system:referral"})
	done := map[[2]string]bool{}
	for _, e := range batch {
		switch {
		case e.Kind == "access.account.known":
			args, err := json.Marshal(map[string]string{"account": e.Subject})
			if err != nil {
				return err
			}
			if err := h.Jobs.Add(ctx, tx, job.Job{Site: at, Kind: referralJob, Key: e.Subject, Args: args}); err != nil {
				return err
			}
			continue
		case !some:
			continue
		}
		about := "order " + e.Subject
		if strings.HasPrefix(e.Kind, "archive.") {
			var data struct {
				Study string `json:"study"`
			}
			if err := json.Unmarshal(e.Data, &data); err != nil {
				return fault.Errorf(fault.Internal, "journal entry %s: %w", e.ID, err)
			}
			if data.Study == "" {
				data.Study = e.Subject
			}
			about = "study " + data.Study
		}
		if key := [2]string{e.Site, about}; !done[key] {
			done[key] = true
			if err := h.referralOf(ctx, tx, e.Site, about); err != nil {
				return err
			}
		}
	}
	return nil
}

// referralOf notes who referred whom according to an order or a study. One that is not
// there any more leaves what was noted of it.
func (h *house) referralOf(ctx context.Context, tx *db.Tx, site, about string) error {
	var person string
	var names []string
	kind, id, _ := strings.Cut(about, " ")
	switch kind {
	case "order":
		var err error
		if person, names, err = h.Worklist.Referral(ctx, tx, site, id); err != nil {
			return unlessGone(err)
		}
	case "study":
		u, err := uid.Parse(id)
		if err != nil {
			return nil //nolint:nilerr // nothing is filed under it
		}
		s, err := h.Archive.Study(ctx, site, u)
		if err != nil {
			return unlessGone(err)
		}
		person, names = s.Person.Reveal(), []string{s.ReferringPhysician.Reveal()}
	}
	var users []string
	for _, n := range names {
		user, err := access.KnownBy(ctx, tx, referralKey(n))
		if err != nil {
			return err
		}
		if user != "" {
			users = append(users, user)
		}
	}
	return h.Facts.Refer(ctx, tx, site, person, about, users)
}

// unlessGone returns an error unless it says that something is not there.
func unlessGone(err error) error {
	if fault.Of(err) == fault.NotFound {
		return nil
	}
	return err
}

// referralsOf is the job that looks what an account referred, under the names by which
// it is known now.
func (h *house) referralsOf(ctx context.Context, j job.Job) error {
	var args struct {
		Account string `json:"account"`
	}
	if err := json.Unmarshal(j.Args, &args); err != nil {
		return fault.As(fault.Invalid, err)
	}
	ctx = access.With(ctx, access.Who{ID: "system:referral"})
	again := func(all []string) error {
		for _, about := range all {
			if err := h.DB.Write(ctx, func(tx *db.Tx) error { return h.referralOf(ctx, tx, j.Site, about) }); err != nil {
				return err
			}
		}
		return nil
	}
	for after := ""; ; { // what it may not have referred after all
		all, err := h.Facts.ReferredBy(ctx, j.Site, args.Account, after, 500)
		if err != nil {
			return err
		}
		if err := again(all); err != nil {
			return err
		}
		if len(all) < 500 {
			break
		}
		after = all[len(all)-1]
	}
	known, err := h.Users.Known(ctx, args.Account)
	if err != nil || len(known) == 0 {
		return err
	}
	keys := make([]string, len(known))
	for i, k := range known {
		keys[i] = k.Key
	}
	for after := ""; ; {
		studies, err := h.Archive.Referred(ctx, j.Site, keys, after, 500)
		if err != nil {
			return err
		}
		var all []string
		for _, s := range studies {
			all = append(all, "study "+s)
		}
		if err := again(all); err != nil {
			return err
		}
		if len(studies) < 500 {
			return nil
		}
		after = studies[len(studies)-1]
	}
}
