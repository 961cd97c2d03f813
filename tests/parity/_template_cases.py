"""Inputs of template_golden.py."""

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a place \"now\" & <later>",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Ort, z. B. Zürich"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                "days": {"type": "integer", "minimum": 1},
            },
            "required": ["city"],
        },
    },
}
ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds numbers",
        "parameters": {
            "type": "object",
            "properties": {"items": {"type": "array", "items": {"type": "number"}}, "round": {"type": "boolean"}},
            "required": [],
        },
    },
}


def call(name, arguments, id_="call_0001"):
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


CONVERSATIONS = {
    "single": {"messages": [{"role": "user", "content": "Hello"}]},
    "system": {"messages": [{"role": "system", "content": "  Be brief.\n"}, {"role": "user", "content": " Hi there \n"}]},
    "multi_turn": {
        "messages": [
            {"role": "user", "content": "What is 1+1?"},
            {"role": "assistant", "content": "2"},
            {"role": "user", "content": "And 2+2?"},
            {"role": "assistant", "content": "\n4\n"},
            {"role": "user", "content": "Thanks"},
        ]
    },
    "no_generation_prompt": {
        "messages": [{"role": "user", "content": "Ping"}, {"role": "assistant", "content": "Pong"}],
        "add_generation_prompt": False,
    },
    "unicode": {
        "messages": [
            {"role": "system", "content": "Größe: 1 €, \u00a0naïve, 日本語 \u2028 🙂‍↔️"},
            {"role": "user", "content": "İstanbul ß ﬁ \u200b\t<|im_end|> {{ 7*7 }} {% raw %}"},
        ]
    },
    "empty_content": {
        "messages": [
            {"role": "system", "content": ""},
            {"role": "user", "content": ""},
            {"role": "assistant", "content": ""},
            {"role": "user", "content": "\n"},
        ]
    },
    "tools": {
        "messages": [{"role": "system", "content": "Use tools."}, {"role": "user", "content": "Weather in Zürich?"}],
        "tools": [WEATHER, ADD],
    },
    "tool_round": {
        "messages": [
            {"role": "user", "content": "Weather in Zürich and Rome?"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [call("get_weather", {"city": "Zürich", "days": 2}, "abcdefghi"), call("add", {"items": [1, 2.5], "round": True}, "ABCDEFGHI")],
            },
            {"role": "tool", "content": "12 °C", "name": "get_weather", "tool_call_id": "abcdefghi"},
            {"role": "tool", "content": "{\"sum\": 3.5}", "name": "add", "tool_call_id": "ABCDEFGHI"},
            {"role": "assistant", "content": "Cold."},
            {"role": "user", "content": "Thanks!"},
        ],
        "tools": [WEATHER],
    },
    "tool_arguments_text": {
        "messages": [
            {"role": "user", "content": "Add"},
            {"role": "assistant", "content": None, "tool_calls": [call("add", "{\"items\": [1, 2]}")]},
            {"role": "tool", "content": "3", "tool_call_id": "call_0001"},
        ],
        "tools": [ADD],
    },
    "typed_parts": {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Look: "}, {"type": "image", "image": "x"}, {"type": "text", "text": "what?"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "A cat"}]},
            {"role": "user", "content": [{"type": "text", "text": "Sure?"}]},
        ]
    },
    "reasoning": {
        "messages": [
            {"role": "user", "content": "Think"},
            {"role": "assistant", "content": "Done", "reasoning_content": "Let me see.\n", "thinking": "Let me see.\n"},
            {"role": "user", "content": "More"},
            {"role": "assistant", "content": "<think>\nhmm\n</think>\n\nFinal"},
            {"role": "user", "content": "End"},
        ]
    },
    "kwargs": {
        "messages": [{"role": "user", "content": "Fast?"}],
        "extra": {"enable_thinking": False, "reasoning_effort": "low", "date_string": "01 Jan 2025", "model_identity": "You are Zed."},
    },
    "developer": {"messages": [{"role": "developer", "content": "Rules"}, {"role": "user", "content": "Go"}]},
    "wrong_order": {"messages": [{"role": "assistant", "content": "I begin"}, {"role": "assistant", "content": "again"}]},
    "unknown_role": {"messages": [{"role": "narrator", "content": "Once"}, {"role": "user", "content": "?"}]},
    "no_messages": {"messages": []},
}

CONTEXT = {
    "messages": [
        {"role": "system", "content": "Sys"},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yo", "tool_calls": [{"name": "f"}]},
    ],
    "s": "Hello, Wörld!",
    "blank": "  two  words \n",
    "empty": "",
    "lines": "a\nb\r\n\nc\n",
    "n": 7,
    "neg": -7,
    "x": 2.5,
    "big": 1e16,
    "tiny": 0.00001,
    "yes": True,
    "no": False,
    "nothing": None,
    "nums": [3, 1, 2],
    "words": ["pear", "Apple", "fig", "apple"],
    "mixed": [1, "a", None, True, 2.0, [1], {"k": "v"}],
    "d": {"b": 1, "a": [1, 2], "items": "shadow", "Z": None},
    "people": [{"name": "Ann", "age": 30, "tags": {"x": 1}}, {"name": "bob", "age": 25}, {"name": "Cy", "age": 30, "tags": {"x": 0}}],
    "quote": "it's \"q\" \\ \t\x01é\u200b🙂",
}

SOURCES = [
    # Output and literals
    "{{ s }}", "{{ n }} {{ x }} {{ big }} {{ tiny }} {{ 1e300 }} {{ 1.0 }} {{ 100000.0 }} {{ 123456789.123 }} {{ 0.1 + 0.2 }}",
    "{{ yes }} {{ no }} {{ nothing }} {{ true }} {{ True }} {{ none }}", "{{ undefined_thing }}|", "{{ nums }} {{ mixed }} {{ d }}",
    "{{ quote }}{{ [quote] }}", "{{ (1,) }} {{ () }} {{ (1, 2) }} {{ 1, 2 }}", "{{ [] }} {{ {} }} {{ {'a': 1, 'b': [none]} }}",
    "{{ 'a' 'b' \"c\" }}", r"{{ 'a\nb\t\x41\u00e9\U0001F642\101\q\'' }}", "{{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1_000 }} {{ 1_0.5e1 }}",
    "{{ range(3) }} {{ range(1, 7, 2)|list }} {{ range(5, 0, -2)|list }} {{ range(0) }}", "{{ {'a': undefined_thing} }}", "{{ {1: 'x', true: 'y'} }}",
    # Arithmetic
    "{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 // -2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7 / 2 }} {{ 6 / 2 }}", "{{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2.0 ** 3 }} {{ -2 ** 2 }} {{ 2 ** 3 ** 2 }}",
    "{{ 7.5 // 2 }} {{ -7.5 // 2 }} {{ 7.5 % 2 }} {{ -7.5 % 2 }} {{ 1e300 * 1e10 }}", "{{ 1 + 2 * 3 - 4 }} {{ (1 + 2) * 3 }} {{ +n }} {{ -n }} {{ - -n }}",
    "{{ yes + yes }} {{ yes * 3 }} {{ 'ab' * 3 }} {{ [1] * 2 }} {{ 2 * 'x' }} {{ 'x' * -1 }}|", "{{ 1 // 0 }}", "{{ 1 / 0 }}", "{{ 1 % 0 }}", "{{ 'a' + 1 }}", "{{ 1 + 'a' }}",
    "{{ 'a' + 'b' }} {{ [1] + [2] }} {{ (1,) + (2,) }}", "{{ [1] + (2,) }}", "{{ none + 1 }}", "{{ 'a' ~ 1 ~ none ~ [1, 'b'] ~ true ~ 2.0 }}", "{{ s ~ undefined_thing ~ '!' }}",
    "{{ -x }} {{ +x }} {{ n - x }}", "{{ -'a' }}", "{{ 1 - 1 == 0 }} {{ 5 - 3 - 1 }} {{ 100 / 10 / 2 }}",
    # Comparison and logic
    "{{ 1 < 2 }} {{ 1 < 2 < 3 }} {{ 3 > 2 > 2 }} {{ 1 == 1.0 }} {{ 1 == true }} {{ '1' == 1 }} {{ none == none }}", "{{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ 'Z' < 'a' }} {{ 'é' > 'z' }}",
    "{{ 1 < 'a' }}", "{{ none < 1 }}", "{{ 'a' in s }} {{ 'ello' in s }} {{ 1 in nums }} {{ 'b' in d }} {{ 'x' not in d }} {{ 2 in range(3) }}", "{{ 1 in 'abc' }}", "{{ 1 in 5 }}",
    "{{ 'a' in undefined_thing }}", "{{ undefined_thing in nums }}", "{{ undefined_thing in 'abc' }}", "{{ [1, [2]] == [1, [2]] }} {{ d == d }} {{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }} {{ [1] == (1,) }}",
    "{{ undefined_thing == undefined_other }} {{ undefined_thing == none }} {{ undefined_thing != '' }}", "{{ not yes }} {{ not not 3 }} {{ no or 'x' }} {{ '' or 0 }} {{ n and 'y' }} {{ 0 and 1 }}",
    "{{ not 1 == 2 }} {{ not 'a' in s }}", "{{ 'a' if yes }}{{ 'b' if no }}{{ 'c' if no else 'd' }}{{ 1 if no else 2 if no else 3 }}", "{{ (undefined_thing or 'dflt') }}",
    "{{ undefined_thing < 1 }}", "{{ undefined_thing + 1 }}", "{{ 1 + undefined_thing }}", "{{ yes is true and no is false }}",
    "{{ 1 <= 1 != 2 }} {{ 1 == 1 in [true] }}",
    # Access and slices
    "{{ d.b }} {{ d['b'] }} {{ d.a[1] }} {{ d.a.0 }} {{ d['items'] }} {{ d.nope }}|{{ d['nope'] }}|", "{{ d.nope.more }}", "{{ undefined_thing.x }}", "{{ undefined_thing['x'] }}", "{{ nothing.x }}|", "{{ nothing['x']['y'] }}",
    "{{ d.items() }}", "{{ d.keys() }} {{ d.values() }} {{ d.keys()|list }}", "{{ d.get('b') }} {{ d.get('q') }} {{ d.get('q', 5) }}", "{{ nums[0] }} {{ nums[-1] }} {{ nums[9] }}| {{ nums['x'] }}|",
    "{{ s[0] }} {{ s[-1] }} {{ s[8] }} {{ s[99] }}|", "{{ s[1:4] }} {{ s[:-1] }} {{ s[::2] }} {{ s[::-1] }} {{ s[8:2:-2] }} {{ s[-3:] }} {{ s[20:] }}|", "{{ nums[1:] }} {{ nums[::-1] }} {{ nums[:-1] }} {{ nums[5:] }} {{ (1,2,3)[1:] }}",
    "{{ range(10)[2:8:2]|list }} {{ range(5)[::-1]|list }} {{ range(5)[-1] }}", "{{ s[::0] }}", "{{ d[1:2] }}|", "{{ s['upper']() }} {{ d['get']('b') }}", "{{ 'abc'[1] }} {{ 'abc'.1 }} {{ [1,2].0 }}", "{{ s[none:3] }} {{ s[yes] }}",
    "{{ messages[0].role }} {{ messages[0]['content'] }} {{ messages[-1].tool_calls[0].name }} {{ messages[1].tool_calls }}|", "{{ s.__class__ }}|", "{{ d.pop }}|", "{{ d.pop('b') }}", "{{ d.update({'a': 1}) }}", "{{ nothing() }}", "{{ s() }}", "{{ n.x }}|",
    # String methods
    "{{ s.upper() }} {{ s.lower() }} {{ 'hELLO wORLD'.capitalize() }} {{ \"they're bill's\".title() }} {{ 'aB'.swapcase() }}", "[{{ blank.strip() }}] [{{ blank.lstrip() }}] [{{ blank.rstrip() }}] [{{ 'xxaxx'.strip('x') }}] [{{ 'abcab'.lstrip('ab') }}]",
    "{{ 'a,b,,c'.split(',') }} {{ blank.split() }} {{ 'a b c'.split(' ', 1) }} {{ 'a b c'.split(maxsplit=1) }} {{ ''.split() }} {{ ''.split(',') }}", "{{ 'a.b.c'.rsplit('.', 1) }} {{ ' a  b c '.rsplit(none, 1) }} {{ 'a b'.rsplit() }}", "{{ 'a'.split('') }}",
    "{{ lines.splitlines() }} {{ lines.splitlines(true) }}", "{{ s.startswith('Hell') }} {{ s.endswith('!') }} {{ s.startswith(('x', 'H')) }} {{ s.startswith('ello', 1) }} {{ s.endswith('') }}",
    "{{ s.find('l') }} {{ s.rfind('l') }} {{ s.find('zz') }} {{ s.index('W') }} {{ s.count('l') }} {{ 'aaa'.count('') }} {{ s.find('d') }}", "{{ s.index('zz') }}", "{{ s.replace('l', 'L') }} {{ s.replace('l', 'L', 1) }} {{ 'ab'.replace('', '-') }} {{ 'é'.replace('', '.') }}",
    "{{ '-'.join(['a', 'b']) }} {{ ''.join(s) }}", "{{ ','.join([1]) }}", "[{{ 'a'.center(5) }}] [{{ 'a'.ljust(3, '.') }}] [{{ 'a'.rjust(3) }}] [{{ '-5'.zfill(4) }}] [{{ 'ab'.center(5, '*') }}]", "{{ 'a=b=c'.partition('=') }} {{ 'a=b=c'.rpartition('=') }} {{ 'abc'.partition('=') }}",
    "{{ 'prefix_x'.removeprefix('prefix_') }} {{ 'x.py'.removesuffix('.py') }} {{ 'x'.removesuffix('') }}", "{{ 'abc'.isalpha() }} {{ 'a1'.isalnum() }} {{ '12'.isdigit() }} {{ ' '.isspace() }} {{ 'ABC'.isupper() }} {{ 'abc'.islower() }} {{ ''.isalpha() }} {{ 'é'.isalpha() }} {{ '½'.isnumeric() }}",
    "{{ 'straße'.upper() }} {{ 'İ'.lower()|length }} {{ 'ﬁ'.upper() }} {{ 'ǆ'.title() }} {{ 'ÀÉ'.lower() }} {{ 'ж'.upper() }}", "{{ 'a'.nope() }}", "{{ '{} {}'.format(1, 'b') }} {{ '{0}-{1}-{0}'.format('a', 'b') }} {{ '{x}'.format(x=1) }} {{ '{{}}'.format() }}", "{{ '{:>5}|{:<5}|{:^5}|{:05d}|{:.2f}|{:,}'.format('a', 'b', 'c', 42, 3.14159, 1234567) }}",
    "{{ '{!r} {0[0]}'.format('a') }}", "{{ '{0[k]} {1.name}'.format({'k': 'v'}, people[0]) }}", "{{ '{}'.format() }}", "{{ '%s and %d and %.2f and %5s|%-5s| %% %x %r' % ('a', 3, 2.5, 'b', 'c', 255, 'q') }}", "{{ '%(a)s' % {'a': 1} }} {{ '%s' % 'x' }} {{ '%s' % [1] }} {{ '%03d' % 7 }} {{ '%+d' % 7 }}", "{{ '%s %s' % 'x' }}", "{{ '%d' % 'x' }}", "{{ 'x' % 1 }}", "{{ '%s' % (1, 2) }}",
    # Filters
    "[{{ blank|trim }}] [{{ 'xax'|trim('x') }}] {{ nothing|trim }} {{ 5|trim }}", "{{ s|upper }} {{ s|lower }} {{ 'hello WORLD'|capitalize }} {{ \"hello-world it's (me)\"|title }} {{ 5|upper }}", "{{ s|length }} {{ nums|count }} {{ d|length }} {{ ''|length }} {{ undefined_thing|length }}", "{{ n|length }}", "{{ nothing|length }}",
    "{{ undefined_thing|default('x') }} {{ ''|default('x') }}| {{ ''|default('x', true) }} {{ nothing|default('y') }} {{ nothing|d('y', boolean=true) }} {{ d.q|default(3) }} {{ undefined_thing|default }}|", "{{ undefined_thing.a|default('x') }}", "{{ nums|first }} {{ nums|last }} {{ s|first }} {{ s|last }} {{ []|first }}|{{ d|first }}",
    "{{ nums|join }} {{ nums|join(', ') }} {{ words|join('|') }} {{ people|join(', ', attribute='name') }} {{ s|join('.') }} {{ mixed|join(' ') }} {{ undefined_thing|join }}|", "{{ 5|join }}", "{{ nums|sort }} {{ words|sort }} {{ words|sort(case_sensitive=true) }} {{ nums|sort(reverse=true) }} {{ people|sort(attribute='age,name')|map(attribute='name')|list }}", "{{ mixed|sort }}",
    "{{ people|map(attribute='name')|list }} {{ people|map(attribute='tags.x', default='-')|list }} {{ words|map('upper')|join(' ') }} {{ nums|map('string')|list }} {{ ['a b']|map('replace', ' ', '_')|list }}", "{{ people|map('nofilter')|list }}", "{{ people|selectattr('age', 'equalto', 30)|map(attribute='name')|list }} {{ people|selectattr('tags')|list|length }} {{ people|rejectattr('tags')|map(attribute='name')|first }} {{ people|selectattr('age', '>', 26)|list|length }}",
    "{{ people|selectattr('tags', 'defined')|list|length }} {{ messages|selectattr('role', 'eq', 'system')|list }}", "{{ nums|select('odd')|list }} {{ nums|reject('odd')|list }} {{ mixed|select|list|length }} {{ nums|select('>', 1)|list }} {{ mixed|select('string')|list }} {{ words|reject('in', ['fig'])|list }}", "{{ nums|select('odd')|length }}", "{{ nums|select('nope')|list }}",
    "{{ [1, 1, 2]|unique|list }} {{ words|unique|list }} {{ words|unique(case_sensitive=true)|list }}", "{{ nums|min }} {{ nums|max }} {{ words|min }} {{ []|max }}| {{ people|max(attribute='age') }}", "{{ nums|sum }} {{ people|sum(attribute='age') }} {{ [1.5, 2]|sum }} {{ []|sum }} {{ nums|sum(start=10) }}", "{{ nums|reverse|list }} {{ s|reverse }} {{ nums|list }} {{ s|list|length }} {{ d|list }} {{ undefined_thing|list }}",
    "{{ {'b': 2, 'A': 1, 'c': 0}|dictsort }} {{ {'b': 2, 'A': 1}|dictsort(true) }} {{ {'b': 2, 'a': 3}|dictsort(by='value') }} {{ {'b': 2, 'a': 3}|dictsort(reverse=true) }}", "{{ d|items|list }} {{ undefined_thing|items|list }}", "{{ s|items|list }}", "{{ s|replace('l', 'L') }} {{ s|replace('l', 'L', 1) }} {{ 515|replace(5, 'x') }}", "{{ lines|indent }}|{{ lines|indent(2, true) }}|{{ lines|indent(2, blank=true) }}|{{ 'a\nb'|indent('> ') }}|{{ ''|indent(2, first=true) }}|",
    "{{ '42'|int }} {{ ' 42 '|int }} {{ 'x'|int }} {{ 'x'|int(5) }} {{ 3.9|int }} {{ '3.9'|int }} {{ '0x1f'|int(base=16) }} {{ -3.9|int }} {{ true|int }} {{ none|int }} {{ '1_000'|int }}", "{{ undefined_thing|int }}", "{{ '2.5'|float }} {{ 'x'|float }} {{ 3|float }} {{ 'x'|float(1.5) }} {{ '1e3'|float }}", "{{ -5|abs }} {{ -2.5|abs }} {{ (-5)|abs }}", "{{ 2.5|round }} {{ 3.5|round }} {{ 2.675|round(2) }} {{ 2.1|round(0, 'ceil') }} {{ 2.19|round(1, 'floor') }} {{ 5|round }} {{ 1234.5|round(-2) }}",
    "{{ nothing|string }} {{ 5|string + 'x' }} {{ [1]|string }} {{ undefined_thing|string }}|", "{{ '<a> & \"b\"'|escape }} {{ '<a>'|e }} {{ '<a>'|safe }} {{ ('<a>'|safe) + '<b>' }} {{ '<b>' + ('<a>'|safe) }} {{ ('<a>'|e) ~ '<b>' }} {{ '<'|e|e }} {{ '<'|e|forceescape }}", "{{ 'a b c d e f'|truncate(5) }} {{ 'abcdefghijk'|truncate(5, true) }} {{ 'short'|truncate(5) }} {{ 'abcdefghijklmno'|truncate(8, true, '~', 0) }}",
    "{{ 'one two, three'|wordcount }} [{{ 'ab'|center(6) }}] {{ '%s-%s'|format(1, 2) }} {{ '%(a)s'|format(a=3) }}", "{{ nums|batch(2)|list }} {{ nums|batch(2, 'x')|list }} {{ range(5)|slice(2)|list }} {{ range(5)|slice(2, 'x')|list }}", "{{ d|attr('b') }}| {{ s|attr('upper')() }}", "{{ s|nofilter }}", "{% if no %}{{ s|nofilter }}{% endif %}ok", "{{ s|nofilter if no }}ok", "{% for i in [] %}{{ s|nofilter }}{% endfor %}ok", "{{ s is notest }}",
    # JSON
    "{{ d|tojson }} {{ mixed|tojson }} {{ s|tojson }} {{ quote|tojson }} {{ none|tojson }} {{ 1e16|tojson }} {{ 1.0|tojson }} {{ '</script>'|tojson }}", "{{ d|tojson(indent=2) }}", "{{ [[], {}, [1, [2]]]|tojson(indent=4) }}", "{{ s|tojson(ensure_ascii=true) }} {{ quote|tojson(ensure_ascii=True) }}", "{{ d|tojson(separators=(',', ':')) }} {{ {'b': 1, 'a': 2}|tojson(sort_keys=true) }} {{ (1, 2)|tojson }} {{ {1: 2, none: 3, true: 4, 2.5: 5}|tojson }}", "{{ undefined_thing|tojson }}", "{{ {'a': undefined_thing}|tojson }}", "{{ range(3)|tojson }}", "{{ d.items()|tojson }}", "{{ [1, 2]|tojson(indent='--') }} {{ d|tojson(indent=0) }}", "{{ d|tojson(true) }} {{ d|tojson(indent=1, separators=(', ', '= ')) }}",
    # Tests
    "{{ s is string }} {{ n is number }} {{ x is float }} {{ n is integer }} {{ yes is integer }} {{ yes is boolean }} {{ yes is number }} {{ nothing is none }} {{ d is mapping }} {{ nums is mapping }}", "{{ nums is sequence }} {{ s is sequence }} {{ d is sequence }} {{ n is sequence }} {{ d.items() is sequence }} {{ undefined_thing is sequence }}", "{{ nums is iterable }} {{ s is iterable }} {{ n is iterable }} {{ d is iterable }} {{ nothing is iterable }} {{ d.items() is iterable }} {{ undefined_thing is iterable }}",
    "{{ s is defined }} {{ undefined_thing is defined }} {{ undefined_thing is undefined }} {{ undefined_thing is not defined }} {{ d.q is defined }} {{ d.b is defined }} {{ d['b'] is not undefined }}", "{{ undefined_thing.a is defined }}", "{{ 3 is odd }} {{ 4 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }}", "{{ 1 is eq 1 }} {{ 1 is equalto(2) }} {{ 1 is ne 2 }} {{ 2 is gt 1 }} {{ 2 is lessthan 1 }} {{ 2 is ge 2 }} {{ 1 is le 0 }}", "{{ 1 is in nums }} {{ 'x' is in 'xyz' }} {{ 'b' is in d }} {{ 9 is not in nums }}", "{{ 'abc' is lower }} {{ 'ABC' is upper }} {{ range is callable }} {{ s is callable }} {{ nothing is sameas none }} {{ yes is sameas true }} {{ 1 is sameas true }}",
    "{{ true is true }} {{ 1 is true }} {{ false is false }} {{ 0 is false }}", "{{ 'upper' is filter }} {{ 'nofilter' is filter }} {{ 'odd' is test }} {{ ('x'|safe) is escaped }}", "{{ 'a' is string and 1 is number or no }}", "{{ not s is string }} {{ s is not string }}", "{{ s is string is true }}", "{{ 's' is odd }}",
    # if, for
    "{% if n > 5 %}big{% elif n > 3 %}mid{% else %}small{% endif %}", "{% if no %}a{% elif no %}b{% else %}c{% endif %}", "{% if nums and d and not empty %}ok{% endif %}", "{% for i in nums %}{{ i }},{% endfor %}", "{% for i in [] %}x{% else %}none{% endfor %}", "{% for i in undefined_thing %}x{% else %}none{% endfor %}", "{% for i in 5 %}x{% endfor %}", "{% for i in nothing %}x{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k in d %}{{ k }} {% endfor %}", "{% for c in 'añb' %}[{{ c }}]{% endfor %}", "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for a, b in [(1, 2, 3)] %}{% endfor %}", "{% for i in nums %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }} {% endfor %}",
    "{% for i in nums %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }} {% endfor %}", "{% for i in nums %}{{ loop.previtem is defined }}{{ loop.nextitem is undefined }} {% endfor %}", "{% for i in nums if i > 1 %}{{ i }}/{{ loop.length }}/{{ loop.index }} {% else %}none{% endfor %}", "{% for i in nums if i > 9 %}{{ i }}{% else %}none{% endfor %}", "{% for i in nums %}{{ loop.cycle('a', 'b') }}{{ loop.changed(i > 1) }} {% endfor %}", "{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in [1,2] %}{% for j in [3,4] %}{{ loop.index }}{{ i }}{{ j }}{{ loop.depth }} {% endfor %}{{ loop.index }}{% endfor %}", "{% for i in nums %}{% for j in nums %}{% if j == 1 %}{% break %}{% endif %}{{ j }}{% endfor %}{{ i }};{% endfor %}", "{% break %}", "{% for i in nums|sort|reverse %}{{ i }}{% endfor %}", "{% for m in messages[1:] %}{{ m.role }} {% endfor %}", "{% for i in nums -%} {{ i }} {%- endfor %}", "{% for i in [1,2,3] if i is odd %}{{ i }}{% endfor %}",
    "{% for x in nums|select('odd') %}{{ loop.last }}{{ x }}{% endfor %}", "{{ loop }}|", "{% for i in nums %}{{ loop.nope }}|{% endfor %}", "{% for i in (1, 2) %}{{ i }}{% endfor %}{% for i in 1, 2 %}{{ i }}{% endfor %}", "{% for i in nums %}{% else %}x{% endfor %}|",
    # set, scope, namespace
    "{% set a = 1 %}{{ a }}{% set a = a + 1 %}{{ a }}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a = 1 %}{% for i in nums %}{% set a = i %}{{ a }}{% endfor %}{{ a }}", "{% if yes %}{% set a = 5 %}{% endif %}{{ a }}", "{% if no %}{% set a = 5 %}{% endif %}{{ a }}|", "{% set n = n + 1 %}{{ n }}", "{% for i in nums %}{% set n = n + 1 %}{{ n }} {% endfor %}{{ n }}",
    "{% set ns = namespace(a=1, b='x') %}{% for i in nums %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c }}|{{ ns.c is defined }}", "{% set ns = namespace() %}{% set ns.x = [] %}{% set ns.x = ns.x + [1] %}{{ ns.x }}", "{% set ns = namespace({'a': 3}) %}{{ ns.a }}", "{% set d.b = 1 %}", "{% set nope.b = 1 %}", "{% set a %}x{{ n }}y{% endset %}[{{ a }}]", "{% set a | upper | trim %} abc {% endset %}[{{ a }}]", "{% set a %}{% set b = 1 %}{{ b }}{% endset %}{{ a }}{{ b }}|",
    "{% set x %}{% for i in nums %}{{ i }}{% if i == 1 %}{% break %}{% endif %}{% endfor %}{% endset %}{{ x }}", "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}|", "{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}|", "{% with a = 1 %}{% with a = 2, b = a %}{{ a }}{{ b }}{% endwith %}{% endwith %}", "{% set true = 1 %}", "{% for loop in nums %}{% endfor %}", "{% set a = 1 if no %}{{ a }}|", "{% set s = s|upper %}{{ s }}", "{% set a = none %}{{ a is none }}", "{% set (a, b) = (1, 2) %}{{ b }}",
    # macros
    "{% macro m(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(b=4, a=5) }} {{ m() }}|", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(q=2) }}", "{% macro m() %}{{ varargs }} {{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}", "{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(3) }}", "{% macro m() %}{{ later }}{% endmacro %}{% set later = 1 %}{{ m() }}", "{% macro m() %}{% set q = 1 %}{{ q }}{% endmacro %}{{ m() }}{{ q }}|",
    "{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(7) }}", "{% macro m() %}  x  {% endmacro %}[{{ m() }}] [{{ m()|trim }}] {{ m() is string }}", "{% macro m(x) %}<{{ x }}>{{ caller() }}</{{ x }}>{% endmacro %}{% call m('b') %}in {{ n }}{% endcall %}", "{% macro m() %}{{ caller(1) }}{{ caller(2) }}{% endmacro %}{% call(i) m() %}[{{ i }}]{% endcall %}", "{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}", "{{ later() }}{% macro later() %}x{% endmacro %}", "{% macro m(a) %}{{ a is defined }}{% endmacro %}{{ m() }}", "{% macro a() %}A{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}", "{% for i in nums %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}", "{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(*[1, 2]) }}{{ m(**{'a': 3, 'b': 4}) }}", "{% macro m(x) %}{{ x }}{% endmacro %}{{ m }}|{{ m.name }}",
    # Blocks
    "{% filter upper %}abc {{ s }}{% endfilter %}", "{% filter replace('a', 'b')|upper %}banana{% endfilter %}", "{% generation %}x{% set q = 1 %}{{ q }}{% endgeneration %}{{ q }}|", "{% for m in messages %}{% generation %}{{ m.content }}{{ loop.index }}{% endgeneration %}{% endfor %}", "{% raw %}{{ x }} {% if %}{% endraw %}!", "{%- raw -%}  a {{ b }} {%- endraw -%}  !", "a{# comment #}b{#- c -#} d", "{# a {{ b }} {% c %} #}x",
    "{% if yes %}", "{% endif %}", "{% for %}", "{{ }}", "{{ 1 +", "{{ 'a }}", "{% unknown %}", "{% include 'x' %}", "{{ (1 }}", "{{ 1) }}", "{{ [1, }}", "{{ a b }}", "{% if %}x{% endif %}", "{# open", "{% raw %} open", "{{ 1 if }}", "{% set %}", "{% macro %}{% endmacro %}", "{{ 'a' | }}", "{{ x is }}", "{{ $ }}",
    # Whitespace
    "a\n{% if yes %}\nb\n{% endif %}\nc", "a\n  {% if yes %}\n  b\n  {% endif %}\n  c\n", "a  {%- if yes -%}  b  {%- endif -%}  c", "  {% if yes +%}\n x{% endif %}", "a\n  {%+ if yes %}x{% endif %}\n", "{{ n }}\n\n{{ n -}}\n\n x {{- n }}", "  {{ n }}\n{# c #}\n  {# c #}\nx", "x\n\n", "x\r\ny\rz", "a\n   {%- set q = 1 %}\n b", "\n{% set q = 1 -%}\n\n   b", "  {% raw %}  x  {% endraw %}  \n y", "\t{% if yes %}\tx\t{% endif %}\t\ny", "{% if yes %}  \n{% endif %}x", " a {#- x -#} b {#+ y +#} c", "{%- if yes %} a {% else -%} b {% endif -%} c",
    # Globals
    "{{ raise_exception('Stop: ' ~ n) }}", "{{ strftime_now('%Y-%m-%d %H:%M:%S %j %a %A %b %B %d %y %p %I %%') }} {{ strftime_now('%-d %B %Y') }}", "{{ range(1000000) }}", "{{ range(1, 2, 0) }}", "{{ dict(a=1, b=2) }} {{ dict([('x', 1)], y=2) }} {{ dict(d).b }}", "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}", "{% set j = joiner(', ') %}{% for i in nums %}{{ j() }}{{ i }}{% endfor %}", "{{ nofunction() }}", "{{ namespace(a=1).a }}",
    "{{ 1 if undefined_thing is defined and undefined_thing.x else 2 }}", "{{ messages|length % 2 == 1 }} {{ (messages|length) // 2 }}", "{{ messages[0].role == 'system' and messages|length > 1 }}", "{%- for m in messages %}{%- if (m.role == 'user') != (loop.index0 % 2 == 1) %}{{ raise_exception('order') }}{% endif %}{{ m.role }}{% endfor %}", "{{ (s.split('l')[-1]).lstrip('o') }} {{ s.split(',')[0].rstrip('lo').strip('H') }}", "{{ 'x' if s.startswith('H') and not s.endswith('?') else 'y' }}",
    "{{ nums|map('int')|sum / nums|length }}", "{{ {'a': {'b': [1, {'c': 'deep'}]}}.a.b[1].c }}", "{{ [[1, 2], [3]]|sum(start=[]) }}", "{{ (1, 'a') in [(1, 'a')] }}", "{{ 'abc'|list|join('-')|upper|replace('-', '')|length }}", "{{ d.a is iterable and d.a is not string and d.a is not mapping }}", "{{ '' ~ none }}|{{ [none, true]|join(',') }}", "{{ 10 ** 18 }} {{ 9007199254740993 }} {{ 1e22 }} {{ 123e-7 }} {{ 1.5e-5 }} {{ 5e-324 }} {{ 1.7976931348623157e308 }}", "{{ 3.0 }} {{ 3.10 }} {{ -0.0 }} {{ 1e15 }} {{ 1e16 }} {{ 0.0001 }} {{ 0.00001 }}",
]
