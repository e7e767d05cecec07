# Runs one answer against the tests of its problem, inside the sandbox. Reads one JSON object from standard input,
# writes one line: the mark it was given and the verdict. An answer that ends the program leaves no mark: it failed.
#
# "asserts": the answer and the tests are one program (HumanEval, MBPP; as `code_eval` of the `evaluate` library).
# "compare": every input is given to the reference solution and to the answer, and the results are compared
# (HumanEval+, MBPP+; the rules of evalplus 0.3.1, with numpy's `allclose` spelt out).
import copy, io, json, math, os, signal, sys, time

sys.setrecursionlimit(max(sys.getrecursionlimit(), 1000))


class Nothing(io.StringIO):
    """What an answer prints is thrown away; reading is an error."""

    def write(self, text):
        return len(text)

    def read(self, *_):
        raise OSError("there is no input")

    readline = readlines = read

    def readable(self):
        return False


class TooLong(BaseException):
    pass


def ring(*_):
    raise TooLong


def timed(seconds, act):
    """Processor time, not the clock: a busy machine fails nobody."""
    signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        return act()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def reason(error):
    try:
        text = str(error).strip().splitlines()
    except BaseException:
        text = []
    return type(error).__name__ + (": " + text[0][:300] if text else "")


def shown(value):
    """For people; what cannot be shown must not decide anything."""
    try:
        text = repr(value)
    except BaseException:
        return "…"
    return text if len(text) <= 120 else text[:120] + "…"


# ---- asserts

def asserts(job):
    names = {}
    try:
        timed(job["seconds"], lambda: exec(job["code"] + "\n" + job["tests"], names))
    except TooLong:
        return {"base": "timeout", "why": "it ran longer than %g s" % job["seconds"]}
    except BaseException as error:
        return {"base": "fail", "why": reason(error)}
    return {"base": "pass", "why": ""}


# ---- compare

# What JSON made lists of and MBPP's tasks want as tuples, sets or complex numbers: evalplus says which.
ROWS = {2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, 429, 470, 560, 579, 596, 616, 630, 726, 740, 744, 809}
CELLS = {63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780}
CELLS_OF_FIRST = {75, 413, 444, 753}
FIRST = {250, 307, 405, 446, 617, 720, 763, 808}
SECOND = {106, 750}
ROWS_AND_CELLS = {259, 401, 445}
EVERYTHING = {580, 615, 791}


def tuples(value):
    return tuple(map(tuples, value)) if isinstance(value, list) else value


def arguments(number, given):
    if number in ROWS:
        return [tuple(part) for part in given]
    if number in CELLS:
        return [[tuple(cell) for cell in part] for part in given]
    if number in CELLS_OF_FIRST:
        return [[tuple(cell) for cell in given[0]], given[1]]
    if number in FIRST:
        return [tuple(given[0])] + given[1:]
    if number in SECOND:
        return [given[0], tuple(given[1])]
    if number in ROWS_AND_CELLS:
        return [tuple(tuple(cell) for cell in part) for part in given]
    if number in EVERYTHING:
        return tuples(given)
    if number == 115:
        return [[set(item) if isinstance(item, list) and item else {} for item in given[0]]]
    if number == 124:
        return [float(given[0]), complex(given[1])]
    if number == 252:
        return [complex(given[0])]
    if number == 278:
        return [tuple(tuple(item) if isinstance(item, list) else item for item in given[0])]
    if number == 722:
        return [{key: tuple(value) for key, value in given[0].items()}] + given[1:]
    return given


NOT_NONE = {"check_str", "text_match_three", "text_starta_endb"}
AS_SETS = {"similar_elements", "find_char_long", "common_in_nested_lists", "extract_singly", "larg_nnum",
           "intersection_array", "find_dissimilar", "Diff"}


def polynomial(coefficients, x):
    return sum(c * math.pow(x, power) for power, c in enumerate(coefficients))


def pyramid(edge, height):
    slant = math.sqrt((edge / 2) ** 2 + height ** 2)
    return round(edge ** 2 + 4 * (edge * slant) / 2)


def digits_apart(one, other):
    one, other = str(one), str(other)
    length = max(len(one), len(other))
    return sum(abs(int(a) - int(b)) for a, b in zip(one.zfill(length), other.zfill(length)))


def floats(value):
    if isinstance(value, float):
        return True
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(isinstance(part, float) for part in value)


def depth(value):
    """How many axes numpy would see; what is no number and no regular array is refused."""
    if isinstance(value, (list, tuple)):
        inner = {depth(part) for part in value}
        sizes = {len(part) for part in value if isinstance(part, (list, tuple))}
        if len(inner) > 1 or len(sizes) > 1:
            raise ValueError("not a regular array")
        return 1 + (inner.pop() if inner else 0)
    if not isinstance(value, (int, float, complex)) or (isinstance(value, int) and abs(value) >= 1 << 63):
        raise TypeError("not a number")
    return 0


def all_close(found, wanted, tolerance):
    """`numpy.allclose(found, wanted, rtol=1e-07, atol=tolerance)`."""
    one, other = depth(found), depth(wanted)
    if one == 0 and other == 0:
        if wanted == found:
            return True
        if isinstance(wanted, complex) or isinstance(found, complex):
            return abs(found - wanted) <= tolerance + 1e-07 * abs(wanted)
        if not (math.isfinite(wanted) and math.isfinite(found)):
            return False
        return abs(found - wanted) <= tolerance + 1e-07 * abs(wanted)
    if one < other:
        return all(all_close(found, part, tolerance) for part in wanted)
    if other < one:
        return all(all_close(part, wanted, tolerance) for part in found)
    if len(found) == len(wanted):
        return all(all_close(a, b, tolerance) for a, b in zip(found, wanted))
    if len(found) == 1:
        return all(all_close(found[0], part, tolerance) for part in wanted)
    if len(wanted) == 1:
        return all(all_close(part, wanted[0], tolerance) for part in found)
    raise ValueError("shapes that do not go together")


def truth(job, function, given):
    """What the reference solution returns for an input, and the processor seconds it takes."""
    given = copy.deepcopy(given)
    begun = time.process_time()
    value = function(*given)
    seconds = time.process_time() - begun
    return (value is not None if job["mbpp"] and job["entry"] in NOT_NONE else value), seconds


def right(job, given, found, wanted, tolerance):
    """Whether a result counts, and the tolerance from here on (it stays once a list of floats was met)."""
    entry = job["entry"]
    exact = found == wanted
    if job["mbpp"]:
        if entry == "are_equivalent":
            exact = True
        elif entry == "sum_div":
            exact = exact or found == 0
        elif entry == "surface_Area":
            exact = exact or abs(found - pyramid(*given)) <= tolerance
        elif entry == "digit_distance_nums":
            exact = exact or found == digits_apart(*given)
        elif entry in AS_SETS:
            exact = set(found) == set(wanted)
        elif entry in NOT_NONE:
            exact = found == wanted if isinstance(found, bool) else wanted == (found is not None)
    elif entry == "find_zero":
        return abs(polynomial(given[0], found)) <= tolerance, tolerance
    if tolerance == 0 and floats(wanted):
        tolerance = 1e-6
    if exact or tolerance == 0:
        return bool(exact), tolerance
    if type(found) != type(wanted) or (isinstance(wanted, (list, tuple)) and len(found) != len(wanted)):
        return False, tolerance
    return all_close(found, wanted, tolerance), tolerance


def compare(job, inputs):
    """One input after another: some results are so large that two of them are all that fits."""
    own, names = {}, {}
    exec(job["reference"], own)
    reference = own[job["entry"]]
    tolerance = job["tolerance"]
    try:
        timed(10, lambda: exec(job["code"], names))
        function = names[job["entry"]]
    except TooLong:
        return "timeout", "it ran longer than 10 s before it was called"
    except BaseException as error:
        return "fail", reason(error)
    for given in inputs:
        wanted, seconds = truth(job, reference, given)
        seconds = max(1.0, 4 * seconds)
        call = "%s(%s)" % (job["entry"], ", ".join(map(shown, given)))
        found = None
        try:
            found = timed(seconds, lambda: function(*given))
            good, tolerance = right(job, given, found, wanted, tolerance)
        except TooLong:
            return "timeout", "%s ran longer than %.3g s" % (call, seconds)
        except BaseException as error:
            return "fail", "%s: %s" % (call, reason(error))
        if not good:
            return "fail", "%s is %s, wanted %s" % (call, shown(found), shown(wanted))
        wanted = found = None
    return "pass", ""


def both(job):
    row = json.loads(job["row"])
    job["entry"] = row["entry_point"]
    number = int(row["task_id"].rsplit("/", 1)[-1])
    verdict = {}
    for name in ("base", "plus"):
        job["tolerance"] = row.get("atol", 0)
        inputs = row[name + "_input"]
        if job["mbpp"]:
            inputs = [arguments(number, given) for given in inputs]
        verdict[name], why = compare(job, inputs)
        if why and "why" not in verdict:
            verdict["why"] = why
    return {"why": "", **verdict}


def main():
    job = json.load(sys.stdin)
    out = os.dup(1)
    sys.stdin = Nothing()
    sys.stdout = sys.stderr = Nothing()
    try:
        verdict = asserts(job) if job["kind"] == "asserts" else both(job)
    except BaseException as error:
        verdict = {"base": "broken", "why": "the problem's own solution failed: " + reason(error)}
    text = json.dumps({"mark": job["mark"], **verdict})
    os.write(out, (text + "\n").encode())
    os._exit(0)


main()
