package capsule

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The schema must name the fields that the decoder knows, and no others.
func TestSchemaFields(t *testing.T) {
	data, err := os.ReadFile("../../docs/capsule.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	type properties struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	var schema struct {
		properties
		Defs map[string]properties `json:"$defs"`
	}
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`the fields here are (.*)`)
	for _, c := range []struct {
		in     string
		schema properties
	}{
		{`{"!!!!!!!!!!!!!!!!!!!!!!!!":1}`, schema.properties},
		{input(`"!!!!!!!!!!!!!!!!!!!!!!!!":1`), schema.Defs["input"]},
		{with(`"inputs":{"x":{"dtype":"int8","value":1}},"expect":{"o":{"!!!!!!!!!!!!!!!!!!!!!!!!":1}}`), schema.Defs["expect"]},
	} {
		_, err := Decode([]byte(c.in), ".")
		if err == nil {
			t.Fatalf("%s was accepted", c.in)
		}
		m := list.FindStringSubmatch(err.Error())
		if m == nil {
			t.Fatalf("no list of fields in %v", err)
		}
		known := strings.Split(m[1], ", ")
		slices.Sort(known)
		documented := []string{}
		for name := range c.schema.Properties {
			documented = append(documented, name)
		}
		slices.Sort(documented)
		if !slices.Equal(known, documented) {
			t.Errorf("the decoder knows %v\nthe schema has %v", known, documented)
		}
	}
}

func TestDocumentedCapsule(t *testing.T) {
	data, err := os.ReadFile("../../docs/capsule.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(data, -1)
	if len(blocks) == 0 {
		t.Fatal("no JSON in capsule.md")
	}
	for _, b := range blocks {
		if _, err := Decode(b[1], "."); err != nil {
			t.Errorf("%v\n%s", err, b[1])
		}
	}
}
