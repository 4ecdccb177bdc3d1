package access

import (
	"context"
	"errors"
	"time"

	"radagora/fault"
)

// A Judge decides with the rules and with what is known about persons.
type Judge struct {
	Rules *Rules
	Facts *Facts           // nil: nothing is known about persons
	Now   func() time.Time // nil: nobody is ever fresh
	Fresh time.Duration    // how long after proving who they are somebody counts as fresh; 0 means 15 minutes
	Open  bool             // nobody signs in here (--no-auth): everybody counts as fresh
}

// shortWhile is how long a proof counts as fresh unless the settings say otherwise.
const shortWhile = 15 * time.Minute

// A DeniedError is why somebody may not. It is in the chain of what Check returns.
type DeniedError struct {
	Act     Act
	Subject Subject
	Who     string // id
	Need    string // what would change it: NeedSignIn, NeedFresh, NeedGlass or ""
	Why     []string
}

// Error says what was refused, and the way out.
func (d *DeniedError) Error() string {
	switch d.Need {
	case NeedSignIn:
		return string(d.Act) + ": nobody is signed in"
	case NeedFresh:
		return string(d.Act) + ": sign in again first"
	case NeedGlass:
		return string(d.Act) + ": not for " + d.Who + ", unless the record is opened for an emergency"
	}
	return string(d.Act) + ": not for the role of " + d.Who
}

// Check returns an error of kind Forbidden, with a *DeniedError in its chain, unless
// whoever asks may do act to subject.
func Check(ctx context.Context, act Act, subject Subject) error {
	j, err := judgeOf(ctx)
	if err != nil {
		return err
	}
	who := From(ctx)
	d, err := j.Decide(ctx, who, act, subject)
	switch {
	case err != nil:
		return err
	case d.Allowed:
		return nil
	}
	return fault.As(fault.Forbidden, &DeniedError{Act: act, Subject: subject, Who: who.ID, Need: d.Need, Why: d.Why})
}

// Can reports whether whoever asks may do act to subject. What cannot be decided
// is refused.
func Can(ctx context.Context, act Act, subject Subject) bool { return Check(ctx, act, subject) == nil }

// Need returns what would change the refusal in err: NeedSignIn, NeedFresh,
// NeedGlass, or "" if nothing would or err is no refusal.
func Need(err error) string {
	if d, ok := errors.AsType[*DeniedError](err); ok {
		return d.Need
	}
	return ""
}

// Refusal returns why somebody may not, if err is such a refusal.
func Refusal(err error) (DeniedError, bool) {
	if d, ok := errors.AsType[*DeniedError](err); ok {
		return *d, true
	}
	return DeniedError{}, false
}

// Decide answers whether who may do act to subject, with what is known now.
func (j *Judge) Decide(ctx context.Context, who Who, act Act, subject Subject) (Decision, error) {
	c := Circumstances{Fresh: j.fresh(who), Own: subject.Person != "" && who.Patient == subject.Person}
	if j.Facts != nil && (subject.Person != "" || subject.Study != "") {
		if err := j.Facts.about(ctx, who, subject, &c); err != nil {
			return Decision{}, err
		}
	}
	if only, err := j.limited(ctx, who, subject); err != nil || only {
		return Decision{}, err
	}
	d, err := j.Rules.Decide(who, act, subject, c)
	if err != nil || d.Allowed || c.Granted || j.Facts == nil || !who.Is(Peer) || !j.Facts.peerMay(ctx, who, subject.Site) {
		return d, err
	}
	c.Granted = true // as any peer that may ask and fetch
	return j.Rules.Decide(who, act, subject, c)
}

// limited reports whether whoever asks carries what is for another person or study than
// subject is about, or subject is about nobody in particular.
func (j *Judge) limited(ctx context.Context, who Who, subject Subject) (bool, error) {
	switch {
	case who.Study != "" && subject.Study != who.Study:
		return true, nil
	case who.Only == "" || subject.Person == who.Only:
		return false, nil
	case subject.Person == "" || j.Facts == nil:
		return true, nil
	}
	same, err := j.Facts.are(ctx, subject.Site, who.Only, subject.Person)
	return !same, err
}

// fresh reports whether who proved who they are a short while ago. The clock may
// step back: a proof from the future does not count.
func (j *Judge) fresh(who Who) bool {
	if j.Open {
		return true
	}
	if j.Now == nil || who.SignedAt.IsZero() {
		return false
	}
	limit := j.Fresh
	if limit == 0 {
		limit = shortWhile
	}
	age := j.Now().Sub(who.SignedAt)
	return age < limit && age > -time.Minute
}

// A Reach says of which persons somebody may see data: what lists filter by.
type Reach struct {
	All      bool   // everybody at the site
	Account  string // else those this account referred, was given or opened in an emergency
	Own      string // else this person alone
	Study    string // else this study alone
	Identity bool   // with name and identifier; otherwise under a pseudonym
}

// ReachOf returns of whom whoever asks may do act at a site. It asks the policies
// about persons they have nothing to do with, and about those they have.
func ReachOf(ctx context.Context, act Act, site string) (Reach, error) {
	j, err := judgeOf(ctx)
	if err != nil {
		return Reach{}, err
	}
	who := From(ctx)
	if who.Only != "" || who.Study != "" {
		return j.reachOfOne(ctx, who, act, site)
	}
	c := Circumstances{Fresh: j.fresh(who)}
	may := func(act Act, c Circumstances) bool {
		d, err2 := j.Rules.Decide(who, act, Subject{Site: site, Person: "?"}, c)
		err = errors.Join(err, err2)
		return d.Allowed
	}
	stranger, related, own := c, c, c
	related.Referred, related.Granted, own.Own = true, true, true
	var r Reach
	switch {
	case who.Is(Peer) && !may(act, stranger): // nobody relates a machine to patients
		if j.Facts != nil && j.Facts.peerMay(ctx, who, site) && may(act, related) {
			r = Reach{All: true, Identity: may(IdentityRead, related)}
		}
	case may(act, stranger):
		r = Reach{All: true, Identity: may(IdentityRead, stranger)}
	case may(act, related):
		r = Reach{Account: who.ID, Identity: may(IdentityRead, related)}
	case who.Patient != "" && may(act, own):
		r = Reach{Own: who.Patient, Identity: may(IdentityRead, own)}
	}
	return r, err
}

// reachOfOne is ReachOf of who is limited to one person or study.
func (j *Judge) reachOfOne(ctx context.Context, who Who, act Act, site string) (Reach, error) {
	subject := Subject{Site: site, Person: who.Only, Study: who.Study}
	d, err := j.Decide(ctx, who, act, subject)
	if err != nil || !d.Allowed {
		return Reach{}, err
	}
	named, err := j.Decide(ctx, who, IdentityRead, subject)
	if who.Study != "" {
		return Reach{Study: who.Study, Identity: named.Allowed}, err
	}
	return Reach{Own: who.Only, Identity: named.Allowed}, err
}

// CheckSearch is Check for those who search at a site, and whose answers are what
// ReachOf says they may read: whoever may read of some persons may search among them.
func CheckSearch(ctx context.Context, act Act, site string) error {
	err := Check(ctx, act, Subject{Site: site})
	if err == nil || Need(err) == NeedSignIn {
		return err
	}
	if r, err2 := ReachOf(ctx, act, site); err2 != nil || r == (Reach{}) {
		return errors.Join(err, err2)
	}
	return nil
}

// Lenient returns a judge with the rules of the program for whom everybody has just
// proved who they are and nothing is known about persons: for an installation
// without sign-in, and for tests.
func Lenient() (*Judge, error) {
	rules, err := embedded()
	if err != nil {
		return nil, err
	}
	return &Judge{Rules: rules, Open: true}, nil
}
