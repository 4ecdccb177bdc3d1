package access

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/cedar-policy/cedar-go"

	"radagora/content"
	"radagora/fault"
)

// policySet is the id of the set of policies.
const policySet = "access/policy"

// Rules are the policies of an installation. They are safe for concurrent use.
type Rules struct {
	library *content.Library

	mu   sync.Mutex
	site map[string]*cedar.PolicySet // by site
}

// NewRules returns the rules of what is in a library. Invalid: a policy names an
// act or a group that does not exist.
func NewRules(library *content.Library) (*Rules, error) {
	r := &Rules{library: library, site: map[string]*cedar.PolicySet{}}
	_, err := r.policies("")
	return r, err
}

// embedded are the rules of the program itself: what holds where nobody put others
// into the context.
var embedded = sync.OnceValues(func() (*Rules, error) {
	library, err := content.Open()
	if err != nil {
		return nil, err
	}
	return NewRules(library)
})

// policies returns the policies of a site.
func (r *Rules) policies(site string) (*cedar.PolicySet, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p, ok := r.site[site]; ok {
		return p, nil
	}
	set, ok := r.library.Set(site, policySet)
	if !ok {
		return nil, fault.Errorf(fault.NotFound, "content %s: it says who may do what, and is missing", policySet)
	}
	p, err := parse(set)
	if err != nil {
		return nil, err
	}
	r.site[site] = p
	return p, nil
}

// parse reads the policies of a set and names each by its @id.
func parse(set *content.Set) (*cedar.PolicySet, error) {
	text, err := set.Text("policy")
	if err != nil {
		return nil, err
	}
	list, err := cedar.NewPolicyListFromBytes("policy.cedar", text)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "content %s: %w", set.ID, err)
	}
	p := cedar.NewPolicySet()
	for _, one := range list {
		p.Add(cedar.PolicyID(one.Annotations()["id"]), one)
	}
	return p, unknownActs(p)
}

// unknownActs refuses policies that name an act nobody asks for: a slip of the pen
// there would open or close nothing.
func unknownActs(p *cedar.PolicySet) error {
	text, err := p.MarshalJSON()
	if err != nil {
		return err
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return err
	}
	return eachAction(tree, func(name string) error {
		if slices.Contains(acts, Act(name)) || slices.Contains([]group{personal, dangerous, secondary}, group(name)) {
			return nil
		}
		return fault.Errorf(fault.Invalid, "content %s: there is no act %s", policySet, name)
	})
}

// eachAction calls fn for every action that stands in policies written as JSON.
func eachAction(tree any, fn func(name string) error) error {
	var all []error
	switch v := tree.(type) {
	case []any:
		for _, x := range v {
			all = append(all, eachAction(x, fn))
		}
	case map[string]any:
		if id, ok := v["id"].(string); ok && v["type"] == "Action" {
			all = append(all, fn(id))
		}
		for _, x := range v {
			all = append(all, eachAction(x, fn))
		}
	}
	return errors.Join(all...)
}

// Circumstances are what a decision depends on beside role and site.
type Circumstances struct {
	Fresh      bool // they proved who they are a short while ago
	Referred   bool // they referred this patient
	Granted    bool // somebody gave them this study or patient
	Glass      bool // they opened the record in an emergency
	Own        bool // it is their own record
	Restricted bool // the person asked that processing stops
	OptedOut   bool // the person does not want secondary use
}

// A Decision is the answer to a question, with the policies that made it.
type Decision struct {
	Allowed bool
	Why     []string // ids of the policies that permit, or forbid
	Need    string   // what would change a refusal: NeedSignIn, NeedFresh, NeedGlass or ""
}

// What would change a refusal.
const (
	NeedSignIn = "sign-in"
	NeedFresh  = "fresh"
	NeedGlass  = "glass"
)

// Decide answers whether who may do act to subject in these circumstances.
func (r *Rules) Decide(who Who, act Act, subject Subject, c Circumstances) (Decision, error) {
	if who.ID == "" {
		return Decision{Need: NeedSignIn}, nil
	}
	if !slices.Contains(acts, act) || !who.inScope(act) {
		return Decision{}, nil
	}
	p, err := r.policies(subject.Site)
	if err != nil {
		return Decision{}, err
	}
	d := ask(p, who, act, subject, c)
	if d.Allowed {
		return d, nil
	}
	fresh, glass := c, c
	fresh.Fresh, glass.Glass = true, true
	switch {
	case !c.Fresh && ask(p, who, act, subject, fresh).Allowed:
		d.Need = NeedFresh
	case !c.Glass && subject.Person != "" && ask(p, who, act, subject, glass).Allowed && ask(p, who, GlassOpen, subject, c).Allowed:
		d.Need = NeedGlass
	}
	return d, nil
}

// inScope reports whether a token's limits include an act.
func (w Who) inScope(act Act) bool {
	if w.Scopes == nil {
		return true
	}
	return slices.ContainsFunc(w.Scopes, func(s string) bool {
		room, all := strings.CutSuffix(s, "*")
		return s == string(act) || all && strings.HasPrefix(string(act), room)
	})
}

// ask puts one question to Cedar.
func ask(p *cedar.PolicySet, who Who, act Act, subject Subject, c Circumstances) Decision {
	entities := cedar.EntityMap{}
	principal := cedar.NewEntityUID("User", cedar.String(who.ID))
	var roles []cedar.EntityUID
	for _, r := range who.Roles(subject.Site) {
		roles = append(roles, cedar.NewEntityUID("Role", cedar.String(r)))
	}
	entities[principal] = cedar.Entity{UID: principal, Parents: cedar.NewEntityUIDSet(roles...)}
	action := cedar.NewEntityUID("Action", cedar.String(act))
	var within []cedar.EntityUID
	for _, g := range groups[act] {
		within = append(within, cedar.NewEntityUID("Action", cedar.String(g)))
	}
	entities[action] = cedar.Entity{UID: action, Parents: cedar.NewEntityUIDSet(within...)}
	resource := cedar.NewEntityUID("Site", cedar.String(subject.Site))
	switch {
	case subject.Study != "":
		resource = cedar.NewEntityUID("Study", cedar.String(subject.Study))
	case subject.Person != "":
		resource = cedar.NewEntityUID("Person", cedar.String(subject.Person))
	}
	decision, why := cedar.Authorize(p, entities, cedar.Request{
		Principal: principal, Action: action, Resource: resource,
		Context: cedar.NewRecord(cedar.RecordMap{
			"purpose": cedar.String(who.For(subject.Site)),
			"fresh":   cedar.Boolean(c.Fresh), "referred": cedar.Boolean(c.Referred),
			"granted": cedar.Boolean(c.Granted), "glass": cedar.Boolean(c.Glass), "own": cedar.Boolean(c.Own),
			"restricted": cedar.Boolean(c.Restricted), "opted_out": cedar.Boolean(c.OptedOut),
		}),
	})
	d := Decision{Allowed: decision == cedar.Allow && len(why.Errors) == 0}
	for _, reason := range why.Reasons {
		d.Why = append(d.Why, string(reason.PolicyID))
	}
	slices.Sort(d.Why)
	return d
}

// Texts returns the policies of a site as they are written, each under its id.
func (r *Rules) Texts(site string) (map[string]string, error) {
	p, err := r.policies(site)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for id, one := range p.All() {
		all[string(id)] = string(one.MarshalCedar())
	}
	return all, nil
}

// rulesKey is the key of a Judge in a context.
type rulesKey struct{}

// WithJudge returns a context in which j decides.
func WithJudge(ctx context.Context, j *Judge) context.Context {
	return context.WithValue(ctx, rulesKey{}, j)
}

// judgeOf returns who decides in ctx: the rules of the program, without any facts
// about persons, if no door said otherwise.
func judgeOf(ctx context.Context) (*Judge, error) {
	if j, ok := ctx.Value(rulesKey{}).(*Judge); ok {
		return j, nil
	}
	rules, err := embedded()
	if err != nil {
		return nil, err
	}
	return &Judge{Rules: rules}, nil
}
