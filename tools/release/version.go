package main

import (
	"regexp"
	"strings"
	"time"
)

// described is what git says of a commit: the tag it is or comes after, how many
// commits after, and which one.
var described = regexp.MustCompile(`\Av?([0-9][0-9A-Za-z.]*)(-[A-Za-z][0-9A-Za-z.]*)?(?:-([0-9]+)-g([0-9a-f]+))?\z`)

// number returns a version as dpkg orders it: 1.2.0~rc1 before 1.2.0 before
// 1.2.0+3.gabc, which is three commits later. A commit without a tag comes before
// every release and is ordered by its time.
func number(version string, when time.Time) string {
	text, dirty := strings.CutSuffix(version, "-dirty")
	end := ""
	if dirty {
		end = "+dirty"
	}
	m := described.FindStringSubmatch(text)
	if m == nil || !strings.Contains(m[1], ".") {
		clean := strings.Map(func(c rune) rune {
			if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
				return c
			}
			return -1
		}, text)
		return "0.0.0~" + when.Format("20060102150405") + "." + clean + end
	}
	n := m[1]
	if m[2] != "" {
		n += "~" + m[2][1:]
	}
	if m[3] != "" {
		n += "+" + m[3] + ".g" + m[4]
	}
	return n + end
}

// tag returns a version as an image may be tagged.
func tag(number string) string { return strings.NewReplacer("~", "-", "+", "-").Replace(number) }
