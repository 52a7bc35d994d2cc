from datetime import date, timedelta
from sqlalchemy import select
from app.pathways import progress
from app.pathways.models import *
from app.pathways.versions import in_force, copy_curricula
from app.people.models import Person, CareerStage
from app.learning.models import Curriculum, CurriculumCourse


def test_smoke(database, make):
    ann = make.person("Ann", stage="NQSW")
    bob = make.person("Bob", stage="SW")
    c1, c2 = make.course(), make.course()
    with make.tx() as tx:
        cur = tx.insert(Curriculum, title="Ess", rule="any", needed=1)
        for n, c in enumerate((c1, c2)):
            tx.db.execute(CurriculumCourse.__table__.insert(), dict(curriculum_id=cur, course_id=c.id, position=n))
        from app.frameworks.models import StandardsSet, Standard, Programme

        ss = tx.insert(StandardsSet, code="S", version="1", title="S")
        tx.db.execute(Standard.__table__.insert(), dict(code="S1", set_id=ss, number=1, title="x", verified=False))
        tx.db.execute(Programme.__table__.insert(), dict(code="P", title="x", former_names=[]))
        step = tx.insert(Step, code="NQSW-SW", title="x", kind="progression", to_stage="SW")
        v = tx.insert(
            StepVersion,
            step_id=step,
            number=1,
            applies={"stages": ["NQSW"], "contracts": ["permanent"], "host_only": True, "roles": []},
            in_force_from=date(2024, 1, 1),
        )
        g = tx.insert(RequirementGroup, version_id=v, number=1, title="g", rule="any", needed=2)

        def req(n, kind, group=None, **kw):
            return tx.insert(Requirement, version_id=v, number=n, kind=kind, title=kind, group_id=group, **kw)

        req(1, "course", g, course_id=c1.id)
        req(2, "curriculum", g, curriculum_id=cur, rule="all")
        req(4, "records", g, minutes=60, bucket="formal", months=12)
        req(5, "months_in_stage", stage="NQSW", months=12)
        req(6, "registration", g)
        req(7, "pdr", g, months=12)
        req(8, "supervision")
        req(11, "standard", times=1, standard="S1")
        req(12, "programme", g, programme_code="P")
        req(9, "endorsement", g, role="line manager")
        copy_curricula(tx, v)
        tx.update(StepVersion, v, state="published", published_at=tx.now)
    make.completion(ann.id, c1.id, date(2025, 3, 1), date(2026, 3, 1))
    with make.tx(writes=False) as tx:
        assert [x.id for x in in_force(tx, date(2025, 1, 1))] == [v]
        for d in (date(2025, 2, 1), date(2025, 4, 1), date(2026, 2, 1), date(2026, 6, 1)):
            for r in progress.met(tx, select(Person.id), [v], d, applicable=True):
                print(d, r)
            print(list(progress.next_steps(tx, select(Person.id), d)), len(progress.steps(tx, select(Person.id), [v], d, tx.now)))
    with make.tx(writes=False) as tx:
        assert False
