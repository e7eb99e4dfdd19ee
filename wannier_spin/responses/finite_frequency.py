"""Linear response at finite frequency, complete: complex sigma_ab;c(omega) and beta_ab(omega) at any T, mu, eta and tau.

In a field E cos(wt) = Re[E exp(-iwt)] the response is Re[R E exp(-iwt)] = (Re R cos(wt) + Im R sin(wt)) E with

    R(w) = sum_{n != m} int_k (-i) v^b_nm O_mn (f_n - f_m) / [eps_nm (eps_nm - w - i eta)]        interband
         + tau/(1 - i w tau) sum_n int_k d_b f_n O_nn                                             intraband

(docs/theory.md, section 3). The parts (cos, sin) are (Re R, Im R), as for the displacement responses. Nothing in this is new but
the sum: with z = w + i eta the interband term is L0 + AC1(z) + AC2(z), that is (6) + (7) or (6b) + (8), and the intraband one
is (4) or (5), L1 (+ L1dir), as a Drude peak. So

  * at w = 0 = eta it is the static response, spin_hall + tau magnetic_spin_hall, intrinsic_spin_magnetization + edelstein;
  * it is causal (Kramers-Kronig), resonant at the transitions, and finite there with eta > 0;
  * `ResponseTensor.reactive` and `.absorptive` tell the two kinds of parts from one another: they follow from T parity;
  * eta relaxes coherences between bands, 1/tau the occupation of bands; eta = 1/tau is the relaxation model `constant`,
    and then R is exact for any w and tau. The interband term alone is at(combination={"L0": 1, "AC1": 1, "AC2": 1}).

What is left out: relaxation that is not of this form (vertex corrections), and the interband term inside a group of
degenerate bands, which are taken to be degenerate exactly: their coherences relax with tau, as occupations do.
"""

from wannier_spin.responses.registry import Response, register

_PAPER = {"L0": 1.0, "AC1": 1.0, "AC2": 1.0, "L1": 1.0}
_SURFACE = {"L0": 1.0, "AC1": 1.0, "AC2": 1.0, "L1surf": 1.0}

register(
    Response(
        name="ac_spin_current",
        title="spin current in an alternating field",
        law="J_a;c = sigma_ab;c E_b",
        equation="(4) + (6a) + (7)",
        tau_power=0,
        geometry=("spin curvature", "spin metric"),
        paper=_PAPER,
        full={**_PAPER, "L1dir": 1},
        surface=_SURFACE,
        dynamic=True,
        usual_of_charge=("optical",),
        title_of_charge="optical conductivity",
    ),
    Response(
        name="ac_spin_magnetization",
        title="spin magnetization in an alternating field",
        law="M_a = beta_ab E_b",
        equation="(5) + (6b) + (8)",
        tau_power=0,
        geometry=("Zeeman metric", "Zeeman curvature"),
        paper=_PAPER,
        full={**_PAPER, "L1dir": 1},
        surface=_SURFACE,
        dynamic=True,
    ),
)
