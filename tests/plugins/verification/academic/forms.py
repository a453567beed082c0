"""What tests of admission send and ask."""

from itertools import count

ADMIN = "/api/v1/academic/admin"
ROLL_NUMBER = "/api/v1/academic/verify/roll-number"
CERTIFICATE = "/api/v1/academic/verify/certificate"
ELIGIBILITY = "/api/v1/academic/check-eligibility"
MERIT = "/api/v1/academic/calculate-merit"

_numbers = count(1)


def record(**changes):
    facts = {
        "level": "matric",
        "board": "BISE Lahore",
        "exam_year": 2023,
        "roll_number": f"R-{next(_numbers)}",
        "marks_obtained": 900,
        "total_marks": "1100",
        "result": "pass",
    }
    return {**facts, **changes}


def intermediate(**changes):
    return record(**{"level": "intermediate", "exam_year": 2025, "marks_obtained": 540, "total_marks": 555, **changes})


def student(*records, **changes):
    facts = {
        "student_id": "S-1",
        "name": "Zoë O'Neil Khan",
        "date_of_birth": "2005-06-15",
        "records": list(records) or [record(), intermediate()],
    }
    return {**facts, **changes}


def eligibility_rule(categories=None, /, **requirements):
    return {"program": "BSCS", "requirements": requirements, "category_specific": categories or {}}


def merit_rule(weightage=None, **options):
    return {"program": "BSCS", "weightage": weightage or {"matric": 30, "intermediate": 70}, "options": options}


async def post(client, path, body, expected=201, **params):
    response = await client.post(f"{ADMIN}/{path}", json=body, params=params)
    assert response.status_code == expected, response.text
    return response.json()


async def get(client, path, expected=200, **params):
    response = await client.get(path, params=params)
    assert response.status_code == expected, response.text
    return response.json()


def faults(problem):
    return [(fault["pointer"], fault["code"]) for fault in problem["errors"]]
