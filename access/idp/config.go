package idp

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"radagora/access"
	"radagora/fault"
)

// A Config describes an identity provider. It holds no secret.
type Config struct {
	Name     string   `yaml:"name"`   // in addresses: small letters, digits and hyphens
	Title    string   `yaml:"title"`  // on the button; "" means the name
	Issuer   string   `yaml:"issuer"` // exactly as its discovery document says
	ClientID string   `yaml:"client_id"`
	Scopes   []string `yaml:"scopes"` // beside openid; without any, profile and email
	// Algorithms are those in which ID tokens may be signed; without any, RS256, PS256,
	// ES256, ES384 and EdDSA.
	Algorithms []string `yaml:"algorithms"`
	UserInfo   bool     `yaml:"user_info"` // ask the user info endpoint for claims too
	Create     bool     `yaml:"create"`    // make an account for whoever has a role and comes first
	// TrustPrompt takes the return from a sign-in with prompt=login as a proof of this
	// moment where the provider does not tell auth_time.
	TrustPrompt bool   `yaml:"trust_prompt"`
	Rules       []Rule `yaml:"rules"`
}

// A Rule gives a role to whom a claim names.
type Rule struct {
	Claim string      `yaml:"claim"` // path with dots, such as realm_access.roles
	Value string      `yaml:"value"` // what it is, or what one of its list is; "*" for anything
	Role  access.Role `yaml:"role"`
	Site  string      `yaml:"site"` // "" means every site
}

// Bounds of a configuration.
const (
	maxConfig    = 256 << 10
	maxProviders = 20
	maxRules     = 500
)

// usualAlgorithms are taken if the settings name none.
func usualAlgorithms() []string { return []string{"RS256", "PS256", "ES256", "ES384", "EdDSA"} }

// known are the algorithms that may be named: those with a public key.
var known = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

var name = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// Parse reads a file of providers, in YAML: a list under "providers". It is Invalid
// with line and reason if anything is unknown or missing.
func Parse(text []byte) ([]Config, error) {
	if len(text) > maxConfig {
		return nil, fault.Errorf(fault.Invalid, "identity providers: %d bytes are more than %d", len(text), maxConfig)
	}
	var file struct {
		Providers []Config `yaml:"providers"`
	}
	d := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict(), yaml.DisallowUnknownField())
	if err := d.Decode(&file); err != nil && len(bytes.TrimSpace(text)) > 0 {
		return nil, fault.Errorf(fault.Invalid, "identity providers: %s", yaml.FormatError(err, false, false))
	}
	if len(file.Providers) > maxProviders {
		return nil, fault.Errorf(fault.Invalid, "identity providers: more than %d", maxProviders)
	}
	for i := range file.Providers {
		if err := file.Providers[i].fill(); err != nil {
			return nil, err
		}
	}
	return file.Providers, nil
}

// fill puts in what was left out and reports what is wrong.
func (c *Config) fill() error {
	wrong := func(why string) error { return fault.Errorf(fault.Invalid, "identity provider %.40q: %s", c.Name, why) }
	if c.Title == "" {
		c.Title = c.Name
	}
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"profile", "email"}
	}
	if len(c.Algorithms) == 0 {
		c.Algorithms = usualAlgorithms()
	}
	switch {
	case !name.MatchString(c.Name):
		return wrong("a name has 1 to 40 small letters, digits and hyphens")
	case !strings.HasPrefix(c.Issuer, "https://") && !strings.HasPrefix(c.Issuer, "http://"):
		return wrong("the issuer is an address that begins with https://")
	case c.ClientID == "":
		return wrong("client_id is missing")
	case len(c.Rules) > maxRules:
		return wrong("too many rules")
	case c.Create && len(c.Rules) == 0:
		return wrong("to create accounts it needs rules that give roles")
	}
	for _, a := range c.Algorithms {
		if !slices.Contains(known, a) {
			return wrong("algorithms are some of " + strings.Join(known, ", "))
		}
	}
	for _, r := range c.Rules {
		if r.Claim == "" || r.Value == "" || !slices.Contains(access.People(), r.Role) {
			return wrong("a rule has a claim, a value and one of the roles of people")
		}
	}
	return nil
}
