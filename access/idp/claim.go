package idp

import (
	"slices"
	"strconv"
	"strings"

	"radagora/access"
)

// Claims are what a provider says of somebody.
type claims map[string]any

// at returns the texts at a path with dots: one, those of a list, or none. A claim
// whose own name has dots, such as an address, is found too.
func (c claims) at(path string) []string { return texts(c, path) }

func texts(node map[string]any, path string) []string {
	if v, ok := node[path]; ok {
		return flat(v)
	}
	for i, r := range path {
		if r != '.' {
			continue
		}
		if inner, ok := node[path[:i]].(map[string]any); ok {
			if found := texts(inner, path[i+1:]); found != nil {
				return found
			}
		}
	}
	return nil
}

// flat returns the texts of a value.
func flat(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case bool:
		return []string{strconv.FormatBool(v)}
	case float64:
		return []string{strconv.FormatFloat(v, 'f', -1, 64)}
	case []any:
		var all []string
		for _, x := range v {
			if _, nested := x.([]any); !nested {
				all = append(all, flat(x)...)
			}
		}
		return all
	}
	return nil
}

// text returns the one text at a path, "" if there is none or more than one.
func (c claims) text(path string) string {
	if all := c.at(path); len(all) == 1 {
		return strings.TrimSpace(all[0])
	}
	return ""
}

// Grants returns what the rules make of claims, in the order of access.Roles.
func (c Config) grants(said claims) []access.Grant {
	all := []access.Grant{}
	for _, r := range c.Rules {
		found := said.at(r.Claim)
		if len(found) > 0 && r.Value == "*" || slices.Contains(found, r.Value) {
			if g := (access.Grant{Role: r.Role, Site: r.Site}); !slices.Contains(all, g) {
				all = append(all, g)
			}
		}
	}
	slices.SortStableFunc(all, func(x, y access.Grant) int {
		if d := slices.Index(access.Roles(), x.Role) - slices.Index(access.Roles(), y.Role); d != 0 {
			return d
		}
		return strings.Compare(x.Site, y.Site)
	})
	return all
}
