package content

import (
	"encoding/json"
	"strconv"
)

// formLimit is how large a form may be, in bytes.
const formLimit = 4 << 20

// parseForm checks that a file is a Questionnaire that names itself; the room form checks
// whether it can be asked.
func parseForm(file string, data []byte) []Problem {
	if len(data) > formLimit {
		return []Problem{{File: file, Code: TooLarge, Args: []string{strconv.Itoa(formLimit)}}}
	}
	var head struct{ ResourceType, URL, Version, Status string }
	if err := json.Unmarshal(data, &head); err != nil {
		return []Problem{{File: file, Code: BadForm, Args: []string{"is no JSON: " + oneLine(err.Error())}}}
	}
	if head.ResourceType != "Questionnaire" || head.URL == "" || head.Version == "" || head.Status == "" {
		return []Problem{{File: file, Code: BadForm, Args: []string{"is no Questionnaire with url, version and status"}}}
	}
	return nil
}
