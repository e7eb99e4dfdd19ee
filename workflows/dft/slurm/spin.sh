#!/bin/bash
# Spin responses within a tolerance: sbatch workflows/dft/slurm/spin.sh Pt_production/input.toml
# SIGTERM comes 2 minutes before the end: the run stops after its checkpoint, and the same command goes on from there.
#SBATCH --job-name=spin
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=64
#SBATCH --cpus-per-task=1
#SBATCH --time=02:00:00
#SBATCH --signal=TERM@120
set -euo pipefail
# module load python mpi                               # the cluster's own MPI: install without the extra `mpi`
source .venv/bin/activate
export OMP_NUM_THREADS=1                               # one BLAS thread per rank
input=$1
resume=()
if [[ -e "${input%.toml}.checkpoint.h5" ]]; then resume=(--resume); fi
srun wannier-spin run "$input" "${resume[@]}"
