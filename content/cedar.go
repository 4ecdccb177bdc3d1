package content

import (
	"strconv"

	"github.com/cedar-policy/cedar-go"
)

// cedarLimit is how large a file of policies may be, in bytes.
const cedarLimit = 1 << 20

// parseCedar checks policies (docs.cedarpolicy.com): each must parse and have an
// @id of its own, because decisions name it.
func parseCedar(file string, data []byte) []Problem {
	if len(data) > cedarLimit {
		return []Problem{{File: file, Code: TooLarge, Args: []string{strconv.Itoa(cedarLimit)}}}
	}
	all, err := cedar.NewPolicyListFromBytes(file, data)
	if err != nil {
		return []Problem{{File: file, Code: BadPolicy, Args: []string{oneLine(err.Error())}}}
	}
	var problems []Problem
	seen := map[string]bool{}
	for _, p := range all {
		id := string(p.Annotations()["id"])
		if id == "" || seen[id] {
			problems = append(problems, Problem{File: file, Line: p.Position().Line, Code: BadPolicy, Args: []string{"each policy needs an @id of its own: " + quoted(id)}})
		}
		seen[id] = true
	}
	return problems
}
